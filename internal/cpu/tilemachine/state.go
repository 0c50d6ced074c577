package tilemachine

import (
	"encoding/binary"
	"fmt"
)

const (
	tiles    = 8
	maxRows  = 16
	maxBytes = 64 // of a row
)

// state is the tile state of a thread.
type state struct {
	configured bool
	config     [64]byte
	data       [tiles][maxRows][maxBytes]byte
}

// rows is the number of rows of a tile, bytes the length of a row.
func (s *state) rows(tile int) int  { return int(s.config[48+tile]) }
func (s *state) bytes(tile int) int { return int(binary.LittleEndian.Uint16(s.config[16+2*tile:])) }

// view returns the configured part of a tile.
func (s *state) view(tile int) [][]byte {
	rows := make([][]byte, s.rows(tile))
	for r := range rows {
		rows[r] = s.data[tile][r][:s.bytes(tile)]
	}
	return rows
}

// execute emulates an instruction. It returns an error where a processor would fault, or where tiles are still configured.
func (s *state) execute(i instruction, r *registers, m Memory) error {
	start, stride := i.address(r)
	switch i.operation {
	case ldTileCfg:
		if s.configured {
			return fmt.Errorf("%v: the tiles are still configured: TILERELEASE is missing", i.operation)
		}
		config := make([]byte, len(s.config))
		if err := m.Read(start, 0, [][]byte{config}); err != nil {
			return fmt.Errorf("%v: %v", i.operation, err)
		}
		return s.configure(config)
	case stTileCfg:
		stored := s.config
		return m.Write(start, 0, [][]byte{stored[:]})
	case tileRelease:
		*s = state{}
		return nil
	}
	operands := []int{i.tile}
	if i.operation == tdpBF16PS {
		operands = []int{i.tile, i.left, i.right}
	}
	for _, tile := range operands {
		if !s.configured || s.rows(tile) == 0 || s.bytes(tile) == 0 {
			return fmt.Errorf("%v: #UD: tile %d is not configured", i.operation, tile)
		}
	}
	switch i.operation {
	case tileZero:
		s.data[i.tile] = [maxRows][maxBytes]byte{}
	case tileLoad:
		s.data[i.tile] = [maxRows][maxBytes]byte{}
		if err := m.Read(start, stride, s.view(i.tile)); err != nil {
			return fmt.Errorf("%v: %v", i.operation, err)
		}
	case tileStore:
		if err := m.Write(start, stride, s.view(i.tile)); err != nil {
			return fmt.Errorf("%v: %v", i.operation, err)
		}
	case tdpBF16PS:
		return s.product(i.tile, i.left, i.right)
	}
	return nil
}

// configure is LDTILECFG.
func (s *state) configure(config []byte) error {
	refuse := func(why string, args ...any) error {
		return fmt.Errorf("%v: #GP: %s", ldTileCfg, fmt.Sprintf(why, args...))
	}
	switch config[0] {
	case 0:
		*s = state{}
		return nil
	case 1:
	default:
		return refuse("palette %d", config[0])
	}
	for i, b := range config {
		reserved := i >= 2 && i < 16 || i >= 16+2*tiles && i < 48 || i >= 48+tiles
		if reserved && b != 0 {
			return refuse("byte %d is reserved and not zero", i)
		}
	}
	if config[1] != 0 {
		return fmt.Errorf("%v: begins at row %d, as only the return from an interruption does", ldTileCfg, config[1])
	}
	configured := state{configured: true, config: [64]byte(config)}
	for tile := range tiles {
		rows, bytes := configured.rows(tile), configured.bytes(tile)
		if rows > maxRows || bytes > maxBytes || (rows == 0) != (bytes == 0) {
			return refuse("tile %d has %d rows of %d bytes", tile, rows, bytes)
		}
	}
	*s = configured
	return nil
}
