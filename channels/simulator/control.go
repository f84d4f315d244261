package simulator

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

//go:embed web
var webFiles embed.FS

// controls are the paths under /sim/. They are for this machine only (see Start), and not for pages of
// other sites that a browser on it may have open.
func (s *Simulator) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sim/", http.StatusFound) })
	mux.HandleFunc("GET /sim/{$}", s.showPhones)
	mux.HandleFunc("GET /sim/live", s.live)
	mux.HandleFunc("GET /sim/phone", showPhone)
	mux.HandleFunc("GET /sim/staff", showPhone)
	mux.HandleFunc("GET /sim/screen", s.getScreen)
	mux.HandleFunc("GET /sim/people", s.getPeople)
	mux.HandleFunc("POST /sim/forward", s.postForward)
	mux.HandleFunc("GET /sim/webview/{person}", s.openWebview)
	mux.HandleFunc("GET /sim/webview/{person}/{path...}", s.openWebview)
	static, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err) // the directory is embedded
	}
	files := http.StripPrefix("/sim/web/", http.FileServerFS(static))
	mux.Handle("GET /sim/web/", files)

	mux.HandleFunc("POST /sim/act", s.postAct)
	mux.HandleFunc("GET /sim/acts", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, Acts()) })
	mux.HandleFunc("POST /sim/misbehave", s.postMisbehave)
	mux.HandleFunc("GET /sim/misbehave", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, s.Misbehaviours()) })
	mux.HandleFunc("DELETE /sim/misbehave", func(w http.ResponseWriter, _ *http.Request) {
		s.Behave()
		respond(w, http.StatusOK, s.Misbehaviours())
	})
	mux.HandleFunc("GET /sim/calls", s.getCalls)
	mux.HandleFunc("GET /sim/deliveries", s.getDeliveries)
	mux.HandleFunc("GET /sim/callbacks", s.getCallbacks)
	mux.HandleFunc("GET /sim/stats", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, s.Stats()) })
	mux.HandleFunc("GET /sim/rules", func(w http.ResponseWriter, _ *http.Request) {
		table, more := s.Rules()
		respond(w, http.StatusOK, map[string]any{"rules": table, "limits": more})
	})
	mux.HandleFunc("POST /sim/expire_tokens", s.postExpire)
	mux.HandleFunc("POST /sim/verify", s.postVerify)
	return http.NewCrossOriginProtection().Handler(mux)
}

// Stats are the exact totals from the start of the simulator.
type Stats struct {
	Calls      CallTotals     `json:"calls"`
	Deliveries DeliveryTotals `json:"deliveries"`
	// DeliveredBy counts deliveries by interface.
	DeliveredBy map[string]int64 `json:"delivered_by"`
	Callbacks   CallbackTotals   `json:"callbacks"`
}

// Stats reads all totals; each is exact, though not at one instant.
func (s *Simulator) Stats() Stats {
	return Stats{s.CallTotals(), s.DeliveryTotals(), s.DeliveredBy(), s.CallbackTotals()}
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(v), '\n'))
}

// statuses map a fault's kind to the status of a /sim/ answer.
var statuses = map[fault.Kind]int{fault.Invalid: 400, fault.NotFound: 404, fault.Conflict: 409, fault.Limited: 429, fault.Unavailable: 503}

func complain(w http.ResponseWriter, err error) {
	status, message := http.StatusInternalServerError, err.Error()
	var f *fault.Error
	if errors.As(err, &f) {
		message = f.Message
		if n := statuses[f.Kind]; n != 0 {
			status = n
		}
	}
	respond(w, status, map[string]string{"error": message})
}

// receive reads a JSON body into v; unknown fields are mistakes, since they would silently do nothing.
func receive(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fault.Wrap(err, fault.Invalid, "请求不是合适的 JSON：%s", err.Error())
	}
	return nil
}

func (s *Simulator) postAct(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		s.postActForm(w, r)
		return
	}
	var a Act
	if err := receive(r, &a); err != nil {
		complain(w, err)
		return
	}
	played, err := s.Act(r.Context(), a)
	if err != nil {
		complain(w, err)
		return
	}
	if played.Callbacks == nil {
		played.Callbacks = []Callback{}
	}
	respond(w, http.StatusOK, played)
}

// postActForm is the page without JavaScript: it plays and shows the page again.
func (s *Simulator) postActForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		complain(w, fault.Wrap(err, fault.Invalid, "表单读不出来"))
		return
	}
	back := url.Values{}
	for _, id := range r.PostForm["phone"] {
		back.Add("phone", id)
	}
	_, err := s.Act(r.Context(), Act{Who: r.PostForm.Get("who"), App: r.PostForm.Get("app"), Do: r.PostForm.Get("do"),
		With: r.PostForm.Get("with"), Async: true})
	if err != nil {
		back.Set("error", err.Error())
	}
	if len(back) == 0 {
		back.Set("view", "plain")
	}
	http.Redirect(w, r, "/sim/?"+back.Encode(), http.StatusSeeOther)
}

func (s *Simulator) postMisbehave(w http.ResponseWriter, r *http.Request) {
	var m Misbehaviour
	err := receive(r, &m)
	if err == nil {
		err = s.Misbehave(m)
	}
	if err != nil {
		complain(w, err)
		return
	}
	respond(w, http.StatusOK, s.Misbehaviours())
}

func (s *Simulator) postExpire(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Account string `json:"account"`
	}
	if err := receive(r, &ask); err != nil {
		complain(w, err)
		return
	}
	s.ExpireTokens(ask.Account)
	respond(w, http.StatusOK, struct{}{})
}

func (s *Simulator) postVerify(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Account string `json:"account"`
	}
	err := receive(r, &ask)
	if err == nil {
		err = s.Verify(r.Context(), ask.Account)
	}
	if err != nil {
		complain(w, err)
		return
	}
	respond(w, http.StatusOK, map[string]string{"verified": ask.Account})
}

// getCalls lists calls as a JSON array, the oldest first; X-Total-Count is the exact number ever received
// on the path, kept or not.
func (s *Simulator) getCalls(w http.ResponseWriter, r *http.Request) {
	q := numbers{r.URL.Query(), nil}
	f := CallFilter{Path: q.Get("path"), Since: q.num("since"), After: q.num("after"), Limit: int(q.num("limit"))}
	if q.err != nil {
		complain(w, q.err)
		return
	}
	total := s.CallTotals()
	n := total.Total
	if f.Path != "" {
		n = total.ByPath[f.Path].Calls
	}
	w.Header().Set("X-Total-Count", strconv.FormatInt(n, 10))
	respond(w, http.StatusOK, orEmpty(s.Calls(f)))
}

// getDeliveries lists deliveries as a JSON array, the oldest first, each with how often its content was
// delivered to its recipient; ?repeats=1 only those delivered more than once.
func (s *Simulator) getDeliveries(w http.ResponseWriter, r *http.Request) {
	q := numbers{r.URL.Query(), nil}
	f := DeliveryFilter{After: q.num("after"), Account: q.Get("account"), To: q.Get("to"), Kind: q.Get("kind"),
		Repeats: q.num("repeats") != 0, Limit: int(q.num("limit"))}
	if q.err != nil {
		complain(w, q.err)
		return
	}
	w.Header().Set("X-Total-Count", strconv.FormatInt(s.DeliveryTotals().Delivered, 10))
	respond(w, http.StatusOK, orEmpty(s.Deliveries(f)))
}

func (s *Simulator) getCallbacks(w http.ResponseWriter, r *http.Request) {
	q := numbers{r.URL.Query(), nil}
	limit := int(q.num("limit"))
	if q.err != nil {
		complain(w, q.err)
		return
	}
	w.Header().Set("X-Total-Count", strconv.FormatInt(s.CallbackTotals().Sent, 10))
	respond(w, http.StatusOK, orEmpty(s.Callbacks(limit)))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// numbers reads whole numbers from a query and keeps the first mistake.
type numbers struct {
	url.Values
	err error
}

func (q *numbers) num(name string) int64 {
	v := q.Get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil && q.err == nil {
		q.err = fault.New(fault.Invalid, "%s 应为整数，不能是 %q", name, v)
	}
	return n
}

// live tells the page over server-sent events that a phone changed, at most a few times a second.
func (s *Simulator) live(w http.ResponseWriter, r *http.Request) {
	flusher, canFlush := w.(http.Flusher)
	if !canFlush {
		complain(w, fault.New(fault.Unavailable, "这里不能推送"))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	heartbeat := time.NewTicker(20 * time.Second)
	defer heartbeat.Stop()
	calm := time.NewTicker(250 * time.Millisecond)
	defer calm.Stop()
	heard := s.phones.heard()
	_, _ = w.Write([]byte("retry: 1000\ndata: hello\n\n"))
	flusher.Flush()
	for {
		message := ": \n\n"
		select {
		case <-heard:
			heard = s.phones.heard()
			message = "data: changed\n\n"
		case <-heartbeat.C:
		case <-r.Context().Done():
			return
		case <-s.stopped.Done():
			return
		}
		if _, err := w.Write([]byte(message)); err != nil {
			return
		}
		flusher.Flush()
		select {
		case <-calm.C:
		case <-r.Context().Done():
			return
		}
	}
}
