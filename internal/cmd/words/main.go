// Command words checks the project's English. It reads the files and folders in its arguments, prints each problem as
// FILE:LINE: PROBLEM, and exits with status 1 if there are any.
//
// It finds terms that the project does not use, each with the term to write instead, and sentences that are too long.
// It reads the prose of Markdown and its templates, and the comments of HCL, shell scripts, makefiles and YAML. In Go
// files, it reads comments and the strings that are sentences: schema descriptions and diagnostics. With -strings, it reads
// only these strings, with -comments only the comments.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	onlyStrings := flag.Bool("strings", false, "of Go files, read only the strings; ignore other files and tests")
	onlyComments := flag.Bool("comments", false, "of Go files, read only the comments; ignore other files and tests")
	flag.Parse()
	find := reader
	switch {
	case *onlyStrings:
		find = stringReader
	case *onlyComments:
		find = commentReader
	}
	problems, err := check(flag.Args(), find, os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(2)
	case problems > 0:
		fmt.Fprintf(os.Stderr, "words: %d problems; internal/cmd/words/terms.go lists the terms\n", problems)
		os.Exit(1)
	}
}

// finder returns the function that finds the passages of a file, or nil if the file has none.
type finder func(file string) func(content string) ([]passage, error)

// check prints the problems of the files and folders, and returns how many there are.
func check(paths []string, find finder, out io.Writer) (int, error) {
	files, err := list(paths)
	if err != nil {
		return 0, err
	}
	problems, rules := 0, compile(terms())
	for _, file := range files {
		passages, err := read(file, find)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		for _, p := range passages {
			for _, found := range p.problems(rules) {
				problems++
				if _, err := fmt.Fprintf(out, "%s:%d: %s\n", file, found.line, found.text); err != nil {
					return 0, err
				}
			}
		}
	}
	return problems, nil
}

// list returns the files, and those in the folders.
func list(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// read returns the passages of a file, none if it is of another kind.
func read(file string, find finder) ([]passage, error) {
	passages := find(file)
	if passages == nil {
		return nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return passages(string(content))
}
