package secret_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/secret"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, err := secret.Load("", dir)
	require.NoError(t, err)
	again, err := secret.Load("", dir)
	require.NoError(t, err)

	t.Run("opens what it sealed, also after a restart", func(t *testing.T) {
		sealed := k.Seal("phone", []byte("13800000000"))
		plain, err := again.Open("phone", sealed)
		require.NoError(t, err)
		require.Equal(t, "13800000000", string(plain))
		require.NotContains(t, string(sealed), "138")
	})
	t.Run("refuses another purpose, a changed byte, a cut tail", func(t *testing.T) {
		sealed := k.Seal("phone", []byte("13800000000"))
		_, err := k.Open("email", sealed)
		require.Error(t, err)
		_, err = k.Open("phone", sealed[:len(sealed)-1])
		require.Error(t, err)
		sealed[len(sealed)-1] ^= 1
		_, err = k.Open("phone", sealed)
		require.Error(t, err)
		_, err = k.Open("phone", nil)
		require.Error(t, err)
	})
	t.Run("looks up alike under one key only", func(t *testing.T) {
		require.Equal(t, k.Lookup("phone", "1"), again.Lookup("phone", "1"))
		require.NotEqual(t, k.Lookup("phone", "1"), k.Lookup("email", "1"))
		other, err := secret.Load("", t.TempDir())
		require.NoError(t, err)
		require.NotEqual(t, k.Lookup("phone", "1"), other.Lookup("phone", "1"))
		require.NotEqual(t, k.Fingerprint(), other.Fingerprint())
	})
	t.Run("keeps the key to its owner", func(t *testing.T) {
		st, err := os.Stat(filepath.Join(dir, "secret.key"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), st.Mode().Perm())
	})
	t.Run("says what is wrong with a configured key", func(t *testing.T) {
		_, err := secret.Load("c2hvcnQ=", dir)
		require.ErrorContains(t, err, "32 字节")
		_, err = secret.Load("***", dir)
		require.ErrorContains(t, err, "Base64")
	})
}
