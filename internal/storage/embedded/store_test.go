package embedded_test

import (
	"path"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dataDir = "/data"

// small is a store whose budgets are reached within a test.
func small(fs vfs.FS, keys storage.Keys) embedded.Options {
	return embedded.Options{
		FS: fs, Dir: dataDir, Keys: keys, FrameKey: [32]byte{1, 2, 3},
		CacheBytes: 1 << 20, MemTableBudget: 2 << 20, MaxOpenTables: 2, JournalBytes: 4 << 20,
	}
}

func TestContract(t *testing.T) {
	storagetest.Run(t, storagetest.Config{
		Open: func(fs vfs.FS, keys storage.Keys) (storage.Store, error) {
			store, err := embedded.Open(small(fs, keys))
			if err != nil {
				return nil, err
			}
			return store, nil
		},
		TableFiles: tableFiles,
	})
}

func tableFiles(fs vfs.FS, id storage.TableID) ([]string, error) {
	files, err := embedded.Files(fs, dataDir)
	var out []string
	for _, f := range files {
		if f.Table == id && f.Kind != embedded.KindUnknown {
			out = append(out, path.Join(dataDir, f.Path))
		}
	}
	return out, err
}
