// Load for the HTTP layer: posts queries over kept-alive connections and prints what it measured as one JSON object.
// Standard library only. Usage: load -url URL -key KEY -clients 16 -seconds 5 < queries (one a line).
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

type measured struct {
	Clients int     `json:"clients"`
	Answers int     `json:"answers"`
	Faults  int     `json:"faults"`
	Rate    float64 `json:"answers_per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

func bodies() [][]byte {
	var all [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		body, _ := json.Marshal(map[string]string{"query": lines.Text()})
		all = append(all, body)
	}
	return all
}

func post(client *http.Client, url, key string, body []byte) error {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

func main() {
	url := flag.String("url", "", "what to post to")
	key := flag.String("key", "", "the API key, if one is needed")
	clients := flag.Int("clients", 16, "connections, each with one request at a time")
	seconds := flag.Float64("seconds", 5, "how long")
	flag.Parse()
	queries := bodies()
	if *url == "" || len(queries) == 0 {
		fmt.Fprintln(os.Stderr, "load: give -url, and queries on standard input")
		os.Exit(2)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *clients}}
	took := make([][]float64, *clients)
	faults := make([]int, *clients)
	started := time.Now()
	end := started.Add(time.Duration(*seconds * float64(time.Second)))
	var running sync.WaitGroup
	for number := range *clients {
		running.Add(1)
		go func() {
			defer running.Done()
			for turn := number; time.Now().Before(end); turn += *clients {
				begun := time.Now()
				if err := post(client, *url, *key, queries[turn%len(queries)]); err != nil {
					faults[number]++
					continue
				}
				took[number] = append(took[number], float64(time.Since(begun).Microseconds())/1000)
			}
		}()
	}
	running.Wait()
	elapsed := time.Since(started).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	result := measured{Clients: *clients, Answers: len(all)}
	for _, count := range faults {
		result.Faults += count
	}
	if len(all) > 0 {
		result.Rate = float64(len(all)) / elapsed
		result.P50 = all[len(all)/2]
		result.P99 = all[len(all)*99/100]
	}
	json.NewEncoder(os.Stdout).Encode(result)
}
