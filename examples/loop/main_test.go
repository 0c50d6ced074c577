package main

import (
	"io"
	"testing"
)

func TestLearn(t *testing.T) {
	accuracy, err := learn(600, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if accuracy < 0.9 {
		t.Errorf("%.3f of new points are classified correctly, want 0.9 or more", accuracy)
	}
	untrained, err := learn(1, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if untrained > 0.75 {
		t.Errorf("an untrained network classifies %.3f correctly: the points are too easy", untrained)
	}
}
