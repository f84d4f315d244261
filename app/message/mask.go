package message

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	mobileAt = regexp.MustCompile(`^((?:86[ \-]?)?1[3-9]\d)[ \-]?\d{4}[ \-]?(\d{4})`)
	cardAt   = regexp.MustCompile(`^\d{17}[\dXx]`)
	mailbox  = regexp.MustCompile(`([A-Za-z0-9])[A-Za-z0-9._%+\-]*@([A-Za-z0-9][A-Za-z0-9.\-]*\.[A-Za-z]{2,})`)
)

// Mask hides what identifies a person in a free text: mainland mobile numbers (138****5678), e-mail
// addresses (z***@example.com) and identity card numbers (1101************1X). Other numbers pass.
func Mask(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '@' || r >= '0' && r <= '9' }) {
		return s
	}
	return mailbox.ReplaceAllString(maskNumbers(s), "$1***@$2")
}

// maskNumbers looks at each number from its first digit: a pattern that may begin in the middle of a
// longer number would hide parts of order numbers.
func maskNumbers(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if !digit(s[i]) || i > 0 && digit(s[i-1]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		if m := mobileAt.FindStringSubmatch(s[i:]); m != nil && ends(s[i+len(m[0]):]) {
			b.WriteString(m[1] + "****" + m[2])
			i += len(m[0])
			continue
		}
		if m := cardAt.FindString(s[i:]); m != "" && identityCard(m) && ends(s[i+len(m):]) {
			b.WriteString(m[:4] + "************" + m[16:])
			i += len(m)
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

func ends(rest string) bool { return rest == "" || !digit(rest[0]) }

// identityCard checks the check digit (GB 11643) of 18 characters, so that order numbers pass.
func identityCard(d string) bool {
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(d[i]-'0') * w
	}
	return "10X98765432"[sum%11] == strings.ToUpper(d[17:])[0]
}

// clean makes a value data: what could be markup becomes the full-width sign, control characters and line
// breaks (which would let a nickname forge a line of the message) become blanks, personal data is masked.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '<':
			return '＜'
		case r == '>':
			return '＞'
		case r == unicode.ReplacementChar:
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200d': // bidirectional overrides and the like; joiners make emoji
			return -1
		}
		return r
	}, s)
	return Mask(strings.TrimSpace(s))
}
