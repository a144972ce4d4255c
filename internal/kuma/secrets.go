package kuma

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// hidden replaces what messages must not show.
const hidden = "(hidden)"

// sentSecrets are the secrets that a client sent. No message contains one of
// them, in whichever form a server repeats it. They are stored as references to
// the sent bytes, and nothing is computed until a message needs it.
type sentSecrets struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte][]byte // by digest, so that each is stored once
}

// add adds a secret, which must not be changed after that.
func (s *sentSecrets) add(secret []byte) {
	if len(bytes.TrimSpace(secret)) < shortestSecret {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[[sha256.Size]byte][]byte{}
	}
	s.known[sha256.Sum256(secret)] = secret
}

// addFrom adds the secrets of a document to send: the data of a secret, and the
// inline values of a backend or another object.
func (s *sentSecrets) addFrom(document []byte) {
	for _, e := range elements(document) {
		value := document[e.start:e.end]
		switch {
		case secretMember(e.name):
			s.addTexts(value)
		case value[0] == '{' || value[0] == '[':
			s.addFrom(value)
		}
	}
}

// secretMember reports whether a member of a document may hold a secret: `data`, and
// inline values, such as `inlineString` and `insecureInline`.
func secretMember(name string) bool {
	name = strings.ToLower(name)
	return name == "data" || strings.Contains(name, "inline") || strings.Contains(name, "password")
}

// addTexts adds all strings of a JSON value.
func (s *sentSecrets) addTexts(value []byte) {
	switch value[0] {
	case '{', '[':
		for _, e := range elements(value) {
			s.addTexts(value[e.start:e.end])
		}
	case '"':
		if content := value[1 : len(value)-1]; bytes.IndexByte(content, '\\') < 0 {
			s.add(content)
			return
		}
		var text string
		if json.Unmarshal(value, &text) == nil {
			s.add([]byte(text))
		}
	}
}

const (
	// shortestSecret is the minimum length of a secret to search for, in bytes:
	// hiding a shorter one does not help, and damages the message.
	shortestSecret = 4
	// longestRest is the maximum number of letters and digits of a longer
	// secret that may stay in a message, because they may be there by chance.
	longestRest = 11
	// gram and stride guarantee that every longer run of a secret is found: it
	// contains one of the pieces of gram bytes that begin at each stride.
	gram   = 6
	stride = longestRest + 2 - gram
	// longestGap is the maximum number of bytes between two pieces of one
	// secret that are hidden with them.
	longestGap = 16
)

// clear hides in texts all that may belong to a sent secret, in any encoding,
// and what looks like a key. The texts are from one answer, so a secret may
// continue from one to the next.
func (s *sentSecrets) clear(texts ...string) []string {
	whole := strings.Join(texts, "\n")
	marks := make([]bool, len(whole))
	for _, at := range keyLike.FindAllStringIndex(whole, -1) {
		if found := whole[at[0]:at[1]]; strings.HasPrefix(found, "-----") || mixed(found) {
			mark(marks, at[0], at[1])
		}
	}
	s.mu.Lock()
	secrets := slices.Collect(maps.Values(s.known))
	s.mu.Unlock()
	if len(secrets) > 0 {
		found := newFinder(whole, marks)
		for _, secret := range secrets {
			found.mark(secret)
		}
	}
	cleared := make([]string, len(texts))
	next := 0
	for i, text := range texts {
		cleared[i] = replaceMarked(text, marks[next:next+len(text)])
		next += len(text) + 1
	}
	return cleared
}

// keyLike matches PEM, or a run of characters that may be base64 or a token.
var keyLike = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]+-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z0-9 ]+-----)?|[A-Za-z0-9+/_=-]{40,}`)

// mixed reports whether a string contains upper-case and lower-case letters and
// digits, like base64 and unlike names.
func mixed(text string) bool {
	return strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strings.ContainsAny(text, "abcdefghijklmnopqrstuvwxyz") &&
		strings.ContainsAny(text, "0123456789")
}

func mark(marks []bool, from, to int) {
	for i := from; i < to; i++ {
		marks[i] = true
	}
}

// replaceMarked hides the marked bytes, together with short gaps between them.
func replaceMarked(text string, marks []bool) string {
	last := -1 // the end of the last mark
	for i := range marks {
		if !marks[i] {
			continue
		}
		if last >= 0 && i-last <= longestGap {
			mark(marks, last, i)
		}
		last = i + 1
	}
	if last < 0 {
		return text
	}
	var b strings.Builder
	for i := range marks {
		switch {
		case !marks[i]:
			b.WriteByte(text[i])
		case i == 0 || !marks[i-1]:
			b.WriteString(hidden)
		}
	}
	return b.String()
}

// A view is another form of a string, with the position in the text of each of
// its bytes.
type view struct {
	content  []byte
	from, to []int
}

func (v *view) add(b byte, from, to int) {
	v.content, v.from, v.to = append(v.content, b), append(v.from, from), append(v.to, to)
}

// addOf adds a byte that stands for content[first:last+1] of another view.
func (v *view) addOf(b byte, of *view, first, last int) {
	v.add(b, of.from[first], of.to[last])
}

// escape matches a character escaped for JSON, URLs, HTML or quoted-printable:
// by its number, which is hexadecimal except in the fifth group, or after a
// backslash. A match with neither is a line break.
var escape = regexp.MustCompile(`\\+u00([0-9a-fA-F]{2})|\\+x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|=([0-9A-F]{2})|&#([0-9]{1,3});|&#x([0-9a-fA-F]{1,2});|\\+([/"nrt])|=\r?\n`)

// unescaped returns a string with its escapes resolved.
func unescaped(text string) *view {
	v := &view{}
	next := 0
	literally := func(until int) {
		for ; next < until; next++ {
			v.add(text[next], next, next+1)
		}
	}
	for _, at := range escape.FindAllStringSubmatchIndex(text, -1) {
		literally(at[0])
		next = at[1]
		for group, base := range []int{16, 16, 16, 16, 10, 16, 0} {
			from, to := at[2*group+2], at[2*group+3]
			switch {
			case from < 0:
			case base == 0:
				v.add(strings.NewReplacer("n", "\n", "r", "\r", "t", "\t").Replace(text[from:to])[0], at[0], at[1])
			default:
				code, _ := strconv.ParseUint(text[from:to], base, 8) // invalid or too large numbers become 255
				v.add(byte(code), at[0], at[1])
			}
		}
	}
	literally(len(text))
	return v
}

// joined joins the pieces of a view that are close to each other in the text. A
// byte after a long gap would belong to a secret only by chance.
func (v *view) joined(pieces [][]int) []*view {
	var groups []*view
	for n, at := range pieces {
		if n == 0 || v.from[at[0]]-v.to[pieces[n-1][1]-1] > longestGap {
			groups = append(groups, &view{})
		}
		for i := at[0]; i < at[1]; i++ {
			groups[len(groups)-1].addOf(v.content[i], v, i, i)
		}
	}
	return groups
}

// lettersAndDigits returns views of only the letters and digits, so that line
// breaks, quotation marks and the alphabets of base64 do not matter.
func (v *view) lettersAndDigits() []*view {
	return v.joined(alnumRun.FindAllIndex(v.content, -1))
}

func alnum(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// decoded returns views of what may be encoded in a view: from each position
// where base64 or hexadecimal digits may begin, and from lists of byte values.
func (v *view) decoded() []*view {
	numbers := &view{}
	for _, at := range byteNumber.FindAllIndex(v.content, -1) {
		if code, err := strconv.ParseUint(string(v.content[at[0]:at[1]]), 10, 8); err == nil {
			numbers.addOf(byte(code), v, at[0], at[1]-1)
		}
	}
	views := []*view{numbers}
	for _, letters := range v.joined(base64Run.FindAllIndex(v.content, -1)) {
		for shift := range 4 {
			views = append(views, letters.fromBase64(shift))
		}
	}
	for _, digits := range v.joined(hexDigits.FindAllIndex(v.content, -1)) {
		for shift := range 2 {
			views = append(views, digits.fromHex(shift))
		}
	}
	return views
}

var (
	alnumRun   = regexp.MustCompile(`[A-Za-z0-9]+`)
	base64Run  = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`) // possible base64, or a line of it
	hexDigits  = regexp.MustCompile(`[0-9a-fA-F]{2,}`)
	byteNumber = regexp.MustCompile(`[0-9]+`)
)

func (v *view) fromBase64(shift int) *view {
	out := &view{}
	last := len(v.content) - 1
	for i := shift; i < last; i += 4 { // the last group may lack characters, which then count as "A"
		var n uint32
		for at := i; at < i+4; at++ {
			n <<= 6
			if at <= last {
				n |= value64(v.content[at])
			}
		}
		for at := i; at < min(i+3, last); at++ {
			out.addOf(byte(n>>(16-8*(at-i))&0xff), v, at, at+1)
		}
	}
	return out
}

// value64 returns the value of a base64 character, in either alphabet.
func value64(b byte) uint32 {
	switch {
	case b >= 'A' && b <= 'Z':
		return uint32(b - 'A')
	case b >= 'a' && b <= 'z':
		return uint32(b-'a') + 26
	case b >= '0' && b <= '9':
		return uint32(b-'0') + 52
	case b == '+' || b == '-':
		return 62
	default:
		return 63
	}
}

func (v *view) fromHex(shift int) *view {
	out := &view{}
	for i := shift; i+2 <= len(v.content); i += 2 {
		if code, err := strconv.ParseUint(string(v.content[i:i+2]), 16, 8); err == nil {
			out.addOf(byte(code), v, i, i+1)
		}
	}
	return out
}

// A finder finds secrets in a string, and marks their positions.
type finder struct {
	marks      []bool
	views      []*view // the text, and what may be encoded in it
	alnum, all pieces  // of the letters and digits of the views, and of all their bytes
}

func newFinder(text string, marks []bool) *finder {
	plain := unescaped(text)
	once := plain.decoded()
	f := &finder{marks: marks, views: append([]*view{plain}, once...), alnum: pieces{marks: marks}, all: pieces{marks: marks}}
	for _, v := range once {
		f.views = append(f.views, v.decoded()...)
	}
	for _, v := range f.views {
		for _, letters := range v.lettersAndDigits() {
			f.alnum.add(letters)
		}
		f.all.add(v)
	}
	return f
}

// mark marks the positions of a secret.
func (f *finder) mark(secret []byte) {
	for _, level := range levels(secret) {
		form := lettersAndDigits(level)
		if len(form) > longestRest {
			f.alnum.markRuns(form)
			f.all.markRuns(level)
			continue
		}
		unix := bytes.ReplaceAll(level, []byte("\r\n"), []byte("\n"))
		for _, v := range f.views {
			v.markAll(unix, f.marks)
			v.markAll(bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n")), f.marks)
		}
	}
}

// markAll marks each complete occurrence of a string.
func (v *view) markAll(text []byte, marks []bool) {
	for at := 0; ; at += len(text) {
		found := bytes.Index(v.content[at:], text)
		if found < 0 {
			return
		}
		at += found
		mark(marks, v.from[at], v.to[at+len(text)-1])
	}
}

// levels returns a secret, what it is the base64 of, and the DER in its PEM;
// for PEM, without the lines that every PEM has.
func levels(secret []byte) [][]byte {
	found := [][]byte{bytes.TrimSpace(secret)}
	if decoded := bytes.TrimSpace(fromBase64(secret)); len(decoded) >= shortestSecret {
		found = append(found, decoded)
	}
	last := found[len(found)-1]
	if !bytes.Contains(last, []byte("-----")) {
		return found
	}
	found[len(found)-1] = boundary.ReplaceAll(last, nil)
	for {
		var block *pem.Block
		if block, last = pem.Decode(last); block == nil {
			return found
		}
		found = append(found, block.Bytes)
	}
}

var boundary = regexp.MustCompile(`-----[A-Z0-9 ]+-----`)

// fromBase64 returns the decoded text, or nil if it is not base64.
func fromBase64(text []byte) []byte {
	if bytes.Contains(text, []byte("-----")) {
		return nil
	}
	compact := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(string(text)), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(compact)
	if err != nil {
		return nil
	}
	return decoded
}

func lettersAndDigits(text []byte) []byte {
	kept := make([]byte, 0, len(text))
	for _, b := range text {
		if alnum(b) {
			kept = append(kept, b)
		}
	}
	return kept
}

// pieces finds the runs that views have in common with other texts.
type pieces struct {
	marks     []bool
	positions map[[gram]byte][]position
	filter    [1 << 10]uint64 // a bit for the hash of each piece: most lookups end here
}

type position struct {
	*view
	at int
}

func (x *pieces) add(v *view) {
	const most = 64 // maximum number of positions of one piece, so that a string of one letter costs little
	if x.positions == nil {
		x.positions = map[[gram]byte][]position{}
	}
	for at := 0; at+gram <= len(v.content); at++ {
		piece := [gram]byte(v.content[at:])
		word, bit := hash(piece)
		x.filter[word] |= bit
		if there := x.positions[piece]; len(there) < most {
			x.positions[piece] = append(there, position{v, at})
		}
	}
}

func hash(piece [gram]byte) (word int, bit uint64) {
	n := uint64(piece[0]) | uint64(piece[1])<<8 | uint64(piece[2])<<16 | uint64(piece[3])<<24 | uint64(piece[4])<<32 | uint64(piece[5])<<40
	n = n * 0x9e3779b97f4a7c15 >> 48
	return int(n >> 6), 1 << (n & 63)
}

// markRuns marks the runs of a string that are long enough.
func (x *pieces) markRuns(text []byte) {
	for i := 0; i+gram <= len(text); i += stride {
		piece := [gram]byte(text[i:])
		if word, bit := hash(piece); x.filter[word]&bit == 0 {
			continue
		}
		for _, p := range x.positions[piece] {
			p.markRun(text, i, x.marks)
		}
	}
}

// markRun marks the run with text[i] at this position, if it is long enough.
func (p position) markRun(text []byte, i int, marks []bool) {
	if marks[p.from[p.at]] && marks[p.from[p.at+gram-1]] {
		return
	}
	before, behind := 0, gram
	for p.at > before && i > before && p.content[p.at-before-1] == text[i-before-1] {
		before++
	}
	for p.at+behind < len(p.content) && i+behind < len(text) && p.content[p.at+behind] == text[i+behind] {
		behind++
	}
	if before+behind > longestRest {
		mark(marks, p.from[p.at-before], p.to[p.at+behind-1])
	}
}

// secretsOf returns the secrets of a configuration.
func secretsOf(config Config) [][]byte {
	texts := append([]string{config.Token}, strings.Fields(config.Token)...)
	for _, value := range config.Headers {
		texts = append(append(texts, value), strings.Fields(value)...)
	}
	if config.Address != nil {
		if password, ok := config.Address.User.Password(); ok {
			texts = append(texts, password)
		}
	}
	slices.SortFunc(texts, cmp.Compare)
	var secrets [][]byte
	for _, text := range slices.Compact(texts) {
		secrets = append(secrets, []byte(text))
	}
	return secrets
}
