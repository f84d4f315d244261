package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// One application message through every check, the duplicate check and the journals, without the network.
func BenchmarkSendApp(b *testing.B) {
	cfg := testConfig()
	cfg.Quotas = map[string]int{"*": -1}
	cfg.AcceptStrangers = true
	cfg.History = 10_000
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/cgi-bin/gettoken?corpid="+testCorp+"&corpsecret=agent-secret", nil))
	a, err := parse(w.Body.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	path := sendPath + "?access_token=" + a.str("access_token")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		body := fmt.Sprintf(`{"touser":"zhangsan","msgtype":"textcard","agentid":%d,"enable_duplicate_check":1,"textcard":{"title":"热线索 %d","description":"陈晨 看了报价页两次","url":"https://koi.example/c/%d"}}`, testAgent, i, i)
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	}
}
