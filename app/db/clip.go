package db

// Clip cuts a text to at most so many characters, which is what a column of that width holds; bytes are
// counted by nobody but indexes. What is not UTF-8 counts byte by byte.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}
