package main

// Gorgonia's dependency panics at start on every Go newer than itself, unless this newer version is asked for.
import _ "go4.org/unsafe/assume-no-moving-gc"
