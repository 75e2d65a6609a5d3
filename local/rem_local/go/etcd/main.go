// Command etcd is the real etcd server, built from its Go module.
//
// The server module carries relative replace lines, so `go install …@v3.6.8` refuses it; a main
// package of our own that calls the same entry point does not have that problem.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
