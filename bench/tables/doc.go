// Package tables measures how well flows learn tables: toys whose entropy is known, and the tables on which density
// estimators are published.
package tables
