module github.com/bestiary-ml/bestiary/bench/peer

go 1.26.0
