package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// sink is somebody else's server: it reads what is posted, notes it and answers 200. It lives in this
// process, for Koi and for the bare loop alike.
type sink struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	ids     map[string]int    // deliveries by X-Koi-Delivery
	arrived map[int]time.Time // first arrivals by the number of the click they are about
	posts   int
	refused int
	away    time.Duration // not 0: everything is refused, to be tried again so much later
	last    time.Time
	samples [][]byte // bodies as they came, for the bare loop
}

// maxSamples is how many bodies are kept.
const maxSamples = 1000

func newSink(ctx context.Context) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + l.Addr().String() + "/hook", ids: map[string]int{}, arrived: map[int]time.Time{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }() // ends with ErrServerClosed
	return s, nil
}

func (s *sink) close() error { return s.server.Close() }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	now := time.Now()
	n, known := clickOf(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away > 0 {
		s.refused++
		w.Header().Set("Retry-After", strconv.Itoa(int(s.away/time.Second)))
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.posts++
	s.last = now
	s.ids[r.Header.Get("X-Koi-Delivery")]++
	if _, seen := s.arrived[n]; known && !seen {
		s.arrived[n] = now
	}
	if len(s.samples) < maxSamples {
		s.samples = append(s.samples, body)
	}
}

// fresh forgets what came so far, but the samples.
func (s *sink) fresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids, s.arrived, s.posts = map[string]int{}, map[int]time.Time{}, 0
}

// leave refuses everything, to be tried again so much later; 0 is back.
func (s *sink) leave(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = d
}

// turnedAway is how many posts were refused.
func (s *sink) turnedAway() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// got is how many posts came, of how many different deliveries, and when the last one did.
func (s *sink) got() (posts, deliveries int, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts, len(s.ids), s.last
}

const sendKey = "bench_send_"

// clickOf reads the number of the click that a body is about.
func clickOf(body []byte) (int, bool) {
	_, rest, found := bytes.Cut(body, []byte(sendKey))
	end := bytes.IndexByte(rest, '"')
	if !found || end < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(rest[:end]), 36, 64)
	return int(n), err == nil
}

// loop posts n bodies over so many connections, as fast as answers come: what sending costs without Koi.
// keep, unless nil, makes each durable before it is posted.
func (s *sink) loop(ctx context.Context, n, conns int, keep func(n int, body []byte) error) (time.Duration, error) {
	s.mu.Lock()
	bodies := s.samples
	s.mu.Unlock()
	if len(bodies) == 0 {
		return 0, errors.New("nothing was delivered that a bare loop could repeat")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: conns, DisableCompression: true}
	defer transport.CloseIdleConnections()
	todo := make(chan int, conns)
	failed := make(chan error, conns)
	var workers sync.WaitGroup
	begun := time.Now()
	for range conns {
		workers.Go(func() {
			for i := range todo {
				if keep != nil {
					if err := keep(i, bodies[i%len(bodies)]); err != nil {
						failed <- err
						return
					}
				}
				if err := s.post(ctx, transport, bodies[i%len(bodies)], i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case todo <- i:
		case err = <-failed:
		}
	}
	close(todo)
	workers.Wait()
	took := time.Since(begun)
	select {
	case e := <-failed:
		err = errors.Join(err, e)
	default:
	}
	return took, err
}

func (s *sink) post(ctx context.Context, transport *http.Transport, body []byte, n int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Koi-Delivery", strconv.Itoa(n))
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New("the sink answered " + res.Status)
	}
	return err
}
