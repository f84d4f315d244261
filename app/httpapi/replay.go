package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

const idempotencyHeader = "Idempotency-Key"

var idempotencyForm = regexp.MustCompile(`^[!-~]{1,128}$`)

// once answers a repeated POST with the same Idempotency-Key like the first, without doing it again. Only
// successes are kept: after a failure nothing was done, and the request may be made again, also corrected.
func (a *API) once(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header(idempotencyHeader)
	if key == "" {
		next(ctx)
		return
	}
	c := humagin.Unwrap(ctx)
	if err := a.onceOnly(ctx, c, key, next); err != nil {
		writeFailure(c, failed(ctx.Context(), err))
	}
}

func (a *API) onceOnly(ctx huma.Context, c *gin.Context, key string, next func(huma.Context)) error {
	if !idempotencyForm.MatchString(key) {
		return wrong("header."+idempotencyHeader, "应为 1 到 128 个可见字符，不含空格")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, ctx.Operation().MaxBodyBytes))
	if err != nil {
		return newFailure(http.StatusRequestEntityTooLarge, "请求体太大，或没有传完")
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	who := by(ctx.Context())
	id := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s", who.UserID, who.KeyID, key))
	request := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", c.Request.Method, c.Request.URL.RequestURI(), body))
	at, done, err := a.replies.claim(ctx.Context(), id[:], request[:])
	if err != nil {
		return err
	}
	if done != nil {
		c.Header("Idempotency-Replayed", "true")
		c.Data(done.status, done.contentType, done.body)
		return nil
	}
	tape := &tape{ResponseWriter: c.Writer}
	c.Writer = tape
	kept := false
	defer func() {
		// Also after a panic, and when the asker is gone.
		settle, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context()), requestTime)
		defer cancel()
		if kept {
			err = a.replies.keep(settle, id[:], at, reply{c.Writer.Status(), c.Writer.Header().Get("Content-Type"), tape.copy.Bytes()})
		} else {
			err = a.replies.release(settle, id[:], at)
		}
		if err != nil {
			// The claim stays: repeats hear that the first is being worked on, until it is taken for dead.
			slog.Error("没能保存请求结果，重复提交时会再次处理", "request", requestID(ctx.Context()), "err", err)
		}
	}()
	// Should this process die before the answer is kept, the same request is done again: then the log knows
	// the command by this name.
	who.once = hex.EncodeToString(id[:])
	next(huma.WithContext(ctx, context.WithValue(ctx.Context(), callerKey{}, who)))
	kept = c.Writer.Status() < 300
	return nil
}

// tape copies what is answered.
type tape struct {
	gin.ResponseWriter
	copy bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.copy.Write(p)
	return t.ResponseWriter.Write(p)
}

func (t *tape) WriteString(s string) (int, error) {
	t.copy.WriteString(s)
	return t.ResponseWriter.WriteString(s)
}
