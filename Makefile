# Shortcuts. Nothing here is needed to build: "go build ./cmd/bestiary" is enough.

.PHONY: build test torture demo

build:
	go build ./...

test:
	go vet ./...
	go test ./...

# The long form of the campaign in docs/reliability.md: kills, faults, power cuts, flips and truncations. It takes from ten
# minutes to an hour. The last line inverts a million points with flows in float32, see docs/tables.md.
torture:
	BESTIARY_TORTURE=1 go test -count=1 -timeout 3h -v \
		-run 'TestKill|TestEveryChangeFails|TestPowerCuts|TestDamage' ./internal/run ./train
	BESTIARY_TORTURE=1 go test -count=1 -timeout 1h -v -run 'TestFloat32Inverse' ./flows

demo:
	go run ./cmd/bestiary demo
