module github.com/bestiary-ml/bestiary/bench/spago

go 1.26.0

require (
	github.com/bestiary-ml/bestiary/bench/peer v0.0.0
	github.com/nlpodyssey/spago v1.1.0
)

require github.com/google/flatbuffers v23.5.26+incompatible // indirect

replace github.com/bestiary-ml/bestiary/bench/peer => ../peer
