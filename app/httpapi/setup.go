package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// SetupPath is where the first administrator is made; the token follows behind a #, which browsers don't
// send, so that it stands in no log.
const SetupPath = "/setup"

//go:embed setup.html
var setupHTML []byte

// setupPage is one small page without anything from elsewhere. Its script and style are allowed by name.
func (a *API) setupPage(c *gin.Context) {
	secure(c.Writer.Header())
	c.Header("Content-Security-Policy", setupPolicy)
	c.Header("Referrer-Policy", "same-origin") // or its own request would come from nowhere
	c.Data(http.StatusOK, "text/html; charset=utf-8", setupHTML)
}

var setupPolicy = strings.Join([]string{"default-src 'none'", "script-src " + inline("script"), "style-src " + inline("style"),
	"connect-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"}, "; ")

// inline is the policy's name of what stands in the page between the tags.
func inline(tag string) string {
	_, rest, _ := bytes.Cut(setupHTML, []byte("<"+tag+">"))
	text, _, _ := bytes.Cut(rest, []byte("</"+tag+">"))
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
