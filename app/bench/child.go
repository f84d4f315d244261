package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// child is a process of ours.
type child struct {
	name string
	cmd  *exec.Cmd
	url  string // where it serves
	log  string // its stderr
	done chan struct{}
	err  error
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startChild starts the koi program with arguments and returns when it said where it serves. It gets no
// KOI_ variables, so that what is measured is what the flags say.
func startChild(ctx context.Context, program, dir, name string, args ...string) (*child, error) {
	c := &child{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd = exec.Command(program, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KOI_") {
			c.cmd.Env = append(c.cmd.Env, e)
		}
	}
	c.cmd.Stderr = log
	dieWithParent(c.cmd)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	said := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url := address.FindString(lines.Text()); url != "" {
				select {
				case said <- url:
				default:
				}
			}
		}
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t := time.NewTimer(time.Minute)
	defer t.Stop()
	select {
	case c.url = <-said:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("%s ended while starting (%w): %s", name, c.err, c.tail())
	case <-t.C:
		err = fmt.Errorf("%s did not say where it serves: %s", name, c.tail())
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = c.cmd.Process.Kill()
	<-c.done
	return nil, err
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the child in order, by force when it takes longer than a shutdown may.
func (c *child) stop() error {
	if c == nil {
		return nil
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // one that ended needs no signal
	t := time.NewTimer(20 * time.Second)
	defer t.Stop()
	select {
	case <-c.done:
	case <-t.C:
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("%s did not stop within 20 s: %s", c.name, c.tail())
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		return fmt.Errorf("%s ended with %w: %s", c.name, c.err, c.tail())
	}
	return nil
}

// tail is the end of what the child complained about.
func (c *child) tail() string {
	raw, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(raw[max(0, len(raw)-2000):]))
}
