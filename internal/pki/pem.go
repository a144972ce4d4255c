package pki

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// A block is one PEM block of a string.
type block struct {
	index  int
	line   int    // of its BEGIN, counted from 1
	label  string // "CERTIFICATE"
	closed bool   // it has an END
	body   []byte // between BEGIN and END
	faulty bool   // a problem of its lines was reported
}

// scan finds the PEM blocks of a string.
//
// It finds more than encoding/pem, which the control plane uses, and which
// silently skips a block whose BEGIN or END shares its line. scan returns such
// blocks with a problem, so that problems inside them are reported in the same
// run. Like encoding/pem, it ignores text around blocks.
func scan(text []byte) ([]block, Problems) {
	var (
		blocks   []block
		problems Problems
		begin    mark // of the last of blocks
		open     bool // the last block has no END yet
	)
	unfinished := func() {
		problems.add(Error, RulePEMBlock, len(blocks)-1,
			"The block that begins on line %d (%s) has no END line. It is incomplete, or its END line is damaged: copy the "+
				"complete block again.",
			begin.line, kind(begin.label))
	}
	for _, m := range marks(text) {
		switch {
		case m.begin:
			if open {
				unfinished()
			}
			begin, open = m, true
			blocks = append(blocks, block{index: len(blocks), line: m.line, label: m.label})
		case !open:
			fault := "The first lines of the block are missing or damaged: copy the complete block again."
			if damaged := damagedBegin(m.since, m.sinceLine); damaged != "" {
				fault = damaged
			}
			problems.add(Error, RulePEMBlock, len(blocks), "The END on line %d has no BEGIN before it. %s", m.line, fault)
			continue
		}
		b := &blocks[len(blocks)-1]
		if fault := m.fault(); fault != "" && !b.faulty {
			problems.add(Error, RulePEMLine, b.index, "%s", fault)
			b.faulty = true
		}
		if m.byteOrderMark {
			problems.add(Warning, RulePEMByteOrderMark, b.index,
				"A byte order mark precedes the BEGIN on line %d, and hides that block from the control plane. Save the file "+
					"as UTF-8 without a byte order mark.", m.line)
		}
		if m.begin {
			continue
		}
		if m.label != b.label {
			b.faulty = true
			problems.add(Error, RulePEMBlock, b.index,
				"The block that begins on line %d as %s ends on line %d as %s. It contains lines of two blocks: copy the "+
					"complete blocks again.",
				b.line, kind(b.label), m.line, kind(m.label))
		}
		b.body, b.closed, open = text[begin.end:m.start], true, false
	}
	if open {
		unfinished()
	}
	return blocks, problems
}

// A mark is a BEGIN or END in a string, with the rest of its line.
type mark struct {
	begin         bool
	label         string
	complete      bool // it has its closing dashes
	start, end    int  // offsets
	line          int  // counted from 1
	joined        bool // another mark stands before it on the line
	byteOrderMark bool // precedes it
	before, after string

	since     []byte // the text after the mark before it
	sinceLine int    // its first line
}

const byteOrderMark = "\ufeff"

var markPattern = regexp.MustCompile(`-----(BEGIN|END) ([^\n]*?)(-----|\r?\n|\z)`)

// marks finds each intended BEGIN and END. Like encoding/pem, it ignores one
// within a line of text, unless it is the END of a block whose lines were
// joined.
func marks(text []byte) []mark {
	var found []mark
	line, lineStart, counted := 1, 0, 0
	since, sinceLine := 0, 1
	all := markPattern.FindAllSubmatchIndex(text, -1)
	for i, at := range all {
		m := mark{
			begin:    text[at[2]] == 'B',
			label:    string(text[at[4]:at[5]]),
			complete: string(text[at[6]:at[7]]) == "-----",
			start:    at[0],
			end:      at[6],
		}
		if m.complete {
			m.end = at[7]
		} else {
			m.label = strings.TrimRight(m.label, "- \t")
		}
		skipped := text[counted:m.start]
		if newline := bytes.LastIndexByte(skipped, '\n'); newline >= 0 {
			line += bytes.Count(skipped, []byte("\n"))
			lineStart = counted + newline + 1
		}
		m.line, counted = line, m.start

		from, inBlock := lineStart, false
		if len(found) > 0 {
			last := found[len(found)-1]
			inBlock = last.begin
			m.joined = last.end > lineStart
			from = max(from, last.end)
		}
		before, byteOrderMark := bytes.CutPrefix(text[from:m.start], []byte(byteOrderMark))
		if !isBlank(before) && (m.begin || !inBlock) {
			continue
		}
		m.before, m.byteOrderMark = string(before), byteOrderMark
		rest := text[m.end:]
		if i+1 < len(all) {
			rest = text[m.end:all[i+1][0]] // the next mark covers the rest
		}
		rest, _, _ = bytes.Cut(rest, []byte("\n"))
		m.after = string(bytes.TrimSpace(rest))
		m.since, m.sinceLine = text[since:m.start], sinceLine
		since, sinceLine = m.end, m.line
		found = append(found, m)
	}
	return found
}

// isBlank reports whether editors show nothing of a string.
func isBlank(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) })
}

// unusual returns the first character of a string that is not ASCII, as (U+200B),
// or "".
func unusual(text string) string {
	for _, r := range text {
		if r > unicode.MaxASCII {
			return fmt.Sprintf(" (%U)", r)
		}
	}
	return ""
}

var beginLike = regexp.MustCompile(`(?im)^(.*)\bBEGIN [A-Z0-9 ]*(CERTIFICATE|KEY)\b`)

// damagedBegin describes the first line of a string that was a BEGIN for its
// author, or returns "". line is that of its first line.
func damagedBegin(text []byte, line int) string {
	at, label := beginLike.FindSubmatchIndex(text), certificateLabel
	if at == nil {
		return ""
	}
	if strings.EqualFold(string(text[at[4]:at[5]]), "KEY") {
		label = "PRIVATE KEY"
	}
	character, before := "", string(text[at[2]:at[3]])
	if strings.ContainsFunc(before, func(r rune) bool { return r != '-' && unicode.Is(unicode.Pd, r) }) {
		character = " A typographic dash, as editors write it, is another character" + unusual(before) + "."
	}
	return fmt.Sprintf("The BEGIN on line %d is damaged: the line must be exactly -----BEGIN %s-----, with five hyphens on each side and "+
		"nothing before or after it.%s Copy the complete block again.", line+bytes.Count(text[:at[0]], []byte("\n")), label, character)
}

// fault describes the problem of the line of a mark, or returns "".
func (m mark) fault() string {
	switch {
	case !m.complete:
		return fmt.Sprintf("The BEGIN or END on line %d does not end with five dashes. Copy the complete block again.", m.line)
	case isBlank([]byte(m.before)) && unusual(m.before) != "":
		return fmt.Sprintf("An invisible character%s precedes the BEGIN or END on line %d, and the control plane ignores such a block. Copy the "+
			"block again as plain text.", unusual(m.before), m.line)
	case !m.begin && m.before != "":
		return fmt.Sprintf("The END on line %d is not at the start of its line, and the control plane ignores such a block. Move it "+
			"there, with nothing else on that line.", m.line)
	case !m.begin && m.after != "":
		return fmt.Sprintf("The END on line %d is followed by more text, and the control plane ignores such a block. Move that text to "+
			"its own line.", m.line)
	case !m.begin:
		return ""
	case strings.Contains(m.before, "\t"):
		return fmt.Sprintf("A tab precedes the BEGIN on line %d, and the control plane ignores such a block. The AWS CLI prints a tab "+
			"between certificates with --output text. Replace it:\n"+
			`  replace(var.pem, "\t", "\n")`, m.line)
	case m.joined:
		return fmt.Sprintf("This block begins on line %d, on which the previous block ends, and the control plane ignores both. Add a "+
			"line break between END and BEGIN, for example with:\n"+
			`  join("\n", [for pem in [intermediate, root] : trimspace(pem)])`, m.line)
	case m.before != "":
		return fmt.Sprintf("The BEGIN on line %d is indented, and the control plane ignores an indented block. Remove the spaces. A "+
			"heredoc that starts with <<-EOT instead of <<EOT removes them.", m.line)
	case strings.HasPrefix(m.after, `\\n`):
		return fmt.Sprintf(`Line %d contains the characters \\n instead of a line break, and the control plane ignores such a block. `+
			"Replace them:\n"+
			`  replace(var.pem, "\\\\n", "\n")`, m.line)
	case strings.HasPrefix(m.after, `\n`), strings.HasPrefix(m.after, `\r\n`):
		return fmt.Sprintf(`Line %d contains the two characters \n instead of a line break, and the control plane ignores such a block. `+
			"Replace them:\n"+
			`  replace(var.pem, "\\n", "\n")`, m.line)
	case m.after != "":
		return fmt.Sprintf("The BEGIN on line %d is followed by more text: this block has lost its line breaks, and the control plane "+
			"ignores it. Put BEGIN and END on their own lines, and the base64 between them. A shell removes line breaks from a "+
			"variable without quotation marks.", m.line)
	default:
		return ""
	}
}

// decode returns the content of a closed block, with encoding/pem, after fixing
// BEGIN and END.
func (b block) decode() (*pem.Block, bool) {
	text := fmt.Appendf(nil, "-----BEGIN BLOCK-----\n%s\n-----END BLOCK-----\n", bytes.TrimSpace(b.body))
	decoded, _ := pem.Decode(text)
	return decoded, decoded != nil && len(decoded.Bytes) > 0
}

// undecodable reports why decode fails, unless a problem of the lines of the
// block explains it.
func (b block) undecodable(ps *Problems) {
	if !b.faulty {
		ps.add(Error, RulePEMBlock, b.index, "%s", b.whyUndecodable())
	}
}

func (b block) whyUndecodable() string {
	if len(bytes.TrimSpace(b.body)) == 0 {
		return fmt.Sprintf("The block that begins on line %d is empty. Copy the complete block again.", b.line)
	}
	for i, line := range strings.Split(string(b.body), "\n") {
		header := strings.Contains(line, ":")
		if !header && strings.Trim(line, base64Alphabet) != "" {
			return fmt.Sprintf("The block that begins on line %d cannot be decoded: line %d contains a character that is not base64%s. Copy the "+
				"complete block again.", b.line, b.line+i, unusual(line))
		}
	}
	return fmt.Sprintf("The block that begins on line %d cannot be decoded: its base64 is incomplete. A part of it is missing or "+
		"repeated: copy the complete block again.", b.line)
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r"

var plainLabel = regexp.MustCompile(`^[A-Z0-9][A-Z0-9 ]{0,39}$`)

// kind names a block by its label if that looks like one: a damaged line may
// contain anything, including a part of a key.
func kind(label string) string {
	if plainLabel.MatchString(label) {
		return label
	}
	return "a block of an unknown kind"
}

// encode writes one PEM block.
func encode(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}
