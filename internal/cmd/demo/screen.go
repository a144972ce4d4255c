//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// A screen prints plain text, with some color on a terminal.
type screen struct {
	out      io.Writer
	terminal bool
	steps    int
}

func newScreen(file *os.File) *screen {
	info, err := file.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
	return &screen{out: file, terminal: terminal}
}

// say prints a line.
func (s *screen) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...) // an error of the output has no other place
}

// step prints the heading of the next step.
func (s *screen) step(title string) {
	s.steps++
	s.say("\n%s", s.styled("1", fmt.Sprintf("%d. %s", s.steps, title)))
}

// command prints a command, or a request to the control plane.
func (s *screen) command(format string, args ...any) {
	s.say("\n%s", s.styled("36", "   "+fmt.Sprintf(format, args...)))
}

// row prints a row of a table: the name and size of a file, and the forms of the key in it.
func (s *screen) row(name string, content []byte, found []string) {
	answer := "no"
	if len(found) > 0 {
		answer = "yes, as " + strings.Join(found, " and ")
	}
	s.say("   %-36s %6d bytes   %s", name, len(content), answer)
}

// block returns a writer that indents the output of a command.
func (s *screen) block() io.Writer {
	return &indenter{out: s.out}
}

// result prints the output of a command.
func (s *screen) result(text string) {
	_, _ = fmt.Fprintln(s.block(), strings.TrimRight(text, "\n"))
}

// styled wraps the text in an ANSI style if the output is a terminal.
func (s *screen) styled(style, text string) string {
	if !s.terminal {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// An indenter indents each line that is not empty. It accepts incomplete lines.
type indenter struct {
	out    io.Writer
	inLine bool
}

// Write implements io.Writer.
func (i *indenter) Write(p []byte) (int, error) {
	var text []byte
	for line := range bytes.Lines(p) {
		if !i.inLine && len(bytes.TrimSpace(line)) > 0 {
			text = append(text, "   "...)
		}
		text = append(text, line...)
		i.inLine = !bytes.HasSuffix(line, []byte("\n"))
	}
	if _, err := i.out.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}
