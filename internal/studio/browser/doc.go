// Package browser tests the pages of the studio in Chromium. It is a module of its own: the toolkit doesn't depend on a
// browser's driver.
package browser
