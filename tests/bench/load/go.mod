module rem.dev/bench/load

go 1.22
