package inspect

import (
	"strconv"

	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// describeHeader tells what a file that cannot be opened says of itself in the clear. None of it is
// authenticated.
func (i *inspection) describeHeader(f embedded.File, out *File) {
	switch out.Kind {
	case kindTrail, string(embedded.KindTable):
		header, err := sealedfs.ReadHeader(i.disk, i.path(f.Path))
		if err != nil {
			out.Detail = "its header cannot be read: " + withoutPath(err)
			return
		}
		out.Algorithm, out.DataKey = header.Algorithm, header.Epoch
		out.Detail = "sealed; by its header under data key " + plainNumber(uint64(header.Epoch)) +
			" of its owner"
	case string(embedded.KindJournal), string(embedded.KindParked):
		out.Algorithm, out.Detail = algorithmJournal, "sealed; under the journal key of the installation "+
			"and data keys of tables"
	case string(embedded.KindKeys):
		out.Algorithm, out.Detail = algorithmEnvelope, "sealed; under the catalog key of the installation"
	case kindMaterial:
		i.describeSealedMaterial(f, out)
	case kindSpare, kindRemainder:
		out.Detail = "never read"
	}
}

func (i *inspection) describeSealedMaterial(f embedded.File, out *File) {
	out.Algorithm = algorithmEnvelope
	file, err := keyring.ReadMaterialFile(i.disk, i.path(f.Path))
	if err != nil {
		out.Detail = "it cannot be read: " + withoutPath(err)
		return
	}
	out.Detail = "wrapped; by its text " + plural(len(file.Versions), "version") + " of key " + file.KeyID +
		" under the root key"
}

func plainNumber(n uint64) string { return strconv.FormatUint(n, 10) }
