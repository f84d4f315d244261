package h5

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func gzipped(t testing.TB, b []byte) int {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Len()
}

// TestTracker_in_a_browser runs the tracker in Node against a few lines that stand for a browser, and for a
// server that can be away.
func TestTracker_in_a_browser(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node is missing")
		}
		t.Skip("NOT TESTED IN NODE: node is missing")
	}
	out, err := exec.CommandContext(t.Context(), node, "testdata/tracker.test.mjs").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}
