package main

// Gorgonia's dependency panics at start on every newer Go, unless this newer version of it is required.
import _ "go4.org/unsafe/assume-no-moving-gc"
