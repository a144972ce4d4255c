package main

import (
	"regexp"
	"strings"
)

// A term is a way to say something that the project does not use.
type term struct {
	pattern string // a regular expression without regard to case; a space stands for any white space
	write   string // the term to write instead
	sample  string // a text that has the term, for the test
	unless  string // a regular expression of matches to accept
}

// terms returns the project's terms. Each has one name in documentation, messages and comments.
func terms() []term {
	return []term{
		{`in (no|neither) (plan|state)\b`, "not stored in plan or state", "The key is in no plan and in no state.", ""},
		{`and back\b`, "name the two directions", "It goes there and back.", ""},
		{`all of it\b`, "name the objects", "The destroy takes all of it away.", ""},
		{`what (is there|there (is|are))\b`, "existing objects, list of", "Import what is there.", ""},
		{`(nobody|somebody|anybody|whoever)\b`, "name the actor, or use anyone", "Whoever reads it is an admin.", ""},
		{`whatever\b`, "name the objects", "It stays, whatever it is.", ""},
		{`second act\b`, "name what it shows", "The second act is a rotation.", ""},
		{`(CA|certificate|token)s?( that)?( is about to| are about to| will| has| have)? end(s|ed)?\b`, "expires, expiry date", "The certificate ends today.", ""},
		{`about to end\b`, "about to expire", "It is about to end.", ""},
		{`(proxy|proxies|zone|zones)( that)? (is|are) away\b`, "disconnected", "Some proxies are away.", ""},
		{`adopt(s|ed|ing)?\b`, "import, bring under management", "The import adopts the mesh.", ""},
		{`(take|takes|taken|taking|took) over\b`, "import, migrate, replace", "It takes over a mesh.", ""},
		{`moving in\b`, "migrate from", "Moving in from kumactl.", ""},
		{`put(s|ting)?( it| that| them| this| the \w+)? right\b`, "restore, fix", "The next apply puts it right.", ""},
		{`(go|goes|going|went) over\b`, "move to, rotate to", "The mesh goes over to the CA.", ""},
		{`(the CA from before|the old one|the old (CA|pair|chain|key))\b`, "current CA, previous CA", "The old CA is trusted.", ""},
		{`(\w+ )?pairs?\b`, "CA secret (certificate secret and key secret)", "Another pair of secrets.", `(?i)^(key|value|crypto) pairs?$`},
		{`(make|makes|making|made|give|gives|given|gave) (each|every|a|an|the|its|their|another|new|fresh|one|proxies)( \w+){0,3} certificates?\b`, "issue a certificate", "It makes a fresh certificate.", ""},
		{`two forms of one thing\b`, "conflicts with", "These are two forms of one thing.", ""},
		{`time is up\b`, "operation timed out", "The time is up.", ""},
		{`time-outs?\b`, "timeout, timed out", "After a time-out, try again.", ""},
		{`tells? whether\b`, "reports whether, says whether", "It tells whether it is open.", ""},
		{`a text\b`, "a string", "The mode is a text.", ""},
		{`turn(s|ed|ing)?( \w+){0,2} away\b`, "refuse, reject", "It turns the proxy away.", ""},
		{`refus(e|es|ed|ing) (one another|each other)\b`, "handshakes fail", "Proxies refuse one another.", ""},
		{`(proxy|proxies|peer|peers)( \w+)? refus(e|es|ed|ing) (another|others)\b`, "handshakes fail", "A proxy refuses another.", ""},
		{`no proxy( ever)? refuses\b`, "no handshake fails", "No proxy refuses it.", ""},
		{`as ever\b`, "as usual", "Plan as ever.", ""},
		{`beforehand\b`, "before, during plan", "It says so beforehand.", ""},
		{`of one's own\b`, "your own", "A CA of one's own.", ""},
		{`(is|are) told\b`, "name who says it", "The proxy is told.", ""},
		{`(let|lets|letting) go\b`, "remove from management", "Let go of the mesh.", ""},
		{`mend(s|ed|ing)?\b`, "fix", "Mend it there.", ""},
		{`(mesh|backend)(es|s)? names?\b`, "uses", "The mesh names another secret.", ""},
		{`the house\b`, "the architecture, the project", "The house on one page.", ""},
		{`an error of the plan\b`, "the plan fails", "A bad CA is an error of the plan.", ""},
		{`how many of them\b`, "number of", "How many of them are online.", ""},
		{`(colour|behaviour|favour|honour|centre|licence|catalogue|analyse|artefact|(initial|serial|author|recogn|summar|organ|normal)is(e|es|ed|ing|ation))\w*`, "American spelling", "It recognises the behaviour.", ""},
	}
}

// A rule is a compiled term.
type rule struct {
	term

	bad, accepted *regexp.Regexp
}

func compile(all []term) []rule {
	rules := make([]rule, 0, len(all))
	for _, t := range all {
		r := rule{term: t, bad: regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(t.pattern, " ", `\s+`) + `)`)}
		if t.unless != "" {
			r.accepted = regexp.MustCompile(t.unless)
		}
		rules = append(rules, r)
	}
	return rules
}
