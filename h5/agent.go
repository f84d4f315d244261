package h5

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// robots are words in the User-Agent of programs that open pages: search engines, WeChat's and others' link
// previews, test browsers, command lines.
var robots = []string{"bot", "spider", "crawl", "slurp", "preview", "headless", "lighthouse", "phantomjs", "python", "curl/", "wget/", "go-http-client", "java/",
	"okhttp", "httpclient", "node-fetch", "axios", "scrapy", "facebookexternalhit", "whatsapp", "bytespider", "monitor", "pingdom"}

// isBot reports whether a browser calls itself a program. Who calls itself nothing is none of a human being's.
func isBot(agent string) bool {
	if agent == "" {
		return true
	}
	agent = strings.ToLower(agent)
	for _, w := range robots {
		if strings.Contains(agent, w) {
			return true
		}
	}
	return false
}

// prefetched: the page was fetched before anybody asked for it.
func prefetched(c *gin.Context) bool {
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		v := strings.ToLower(c.GetHeader(h))
		if strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || v == "preview" {
			return true
		}
	}
	return false
}

// families are kinds of browsers, the more special first.
var families = []string{"wxwork", "micromessenger", "dingtalk", "feishu", "lark", "edg", "opr", "firefox", "chrome", "safari"}

var systems = []string{"iphone", "ipad", "android", "windows", "mac os", "linux"}

// family is the kind of a browser and its system, without version: what many of one sort have in common.
func family(agent string) string {
	agent = strings.ToLower(agent)
	pick := func(list []string) string {
		for _, w := range list {
			if strings.Contains(agent, w) {
				return w
			}
		}
		return "other"
	}
	return pick(families) + "/" + pick(systems)
}
