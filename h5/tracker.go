package h5

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"

	"github.com/gin-gonic/gin"
)

//go:embed t.js
var trackerSource []byte

var trackerTag = func() string {
	sum := sha256.Sum256(trackerSource)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// tracker serves t.js. Browsers ask again after an hour, so that an update reaches all pages in that time.
func tracker(c *gin.Context) {
	anywhere(c)
	c.Header("Cache-Control", "public, max-age=3600")
	c.Header("ETag", trackerTag)
	if c.GetHeader("If-None-Match") == trackerTag {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", trackerSource)
}
