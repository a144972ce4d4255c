//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// A screen is where a person reads along: plain text, with a little colour if it is a terminal.
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
	_, _ = fmt.Fprintf(s.out, format+"\n", args...) // nobody is there to be told
}

// step prints the heading of the next step.
func (s *screen) step(title string) {
	s.steps++
	s.say("\n%s", s.styled("1", fmt.Sprintf("%d. %s", s.steps, title)))
}

// command prints what is asked of Terraform or the control plane.
func (s *screen) command(format string, args ...any) {
	s.say("\n%s", s.styled("36", "   "+fmt.Sprintf(format, args...)))
}

// row prints a line of a table: where was searched, how large that is, and in which forms the key was found.
func (s *screen) row(name string, content []byte, found []string) {
	answer := "no"
	if len(found) > 0 {
		answer = "yes, as " + strings.Join(found, " and ")
	}
	s.say("   %-36s %6d bytes   %s", name, len(content), answer)
}

// block returns a writer for what a command answers, which is set off from the text around it.
func (s *screen) block() io.Writer {
	return &indenter{out: s.out}
}

// result prints what a command answered, if it comes in one piece.
func (s *screen) result(text string) {
	_, _ = fmt.Fprintln(s.block(), strings.TrimRight(text, "\n"))
}

// styled wraps the text in an ANSI style, on a terminal.
func (s *screen) styled(style, text string) string {
	if !s.terminal {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// An indenter indents each line that is not empty. Lines may come in pieces.
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
