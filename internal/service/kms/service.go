// Package kms answers the API of the key service: an operation table, and the translation between its shapes
// and the keyring.
//
// Callers may rely on this: an operation on a key runs only if the key's policy lets the caller through (P6),
// and on that key even if an alias is moved in between; every error that a client may see has AWS's code and
// words; and a member that is not honoured is refused by its name (P8).
package kms

import (
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

// Principals knows who exists. Key policies and grants may only name principals that do, and mean those and
// not who has their names later.
type Principals interface {
	// BindPolicy is a policy as it is to be kept, with unique ids for names; ok is false when it names
	// somebody who does not exist.
	BindPolicy(text string) (bound string, ok bool)
	// ShowPolicy is a kept policy as it is to be answered.
	ShowPolicy(text string) string
	// BindPrincipal and ShowPrincipal do the same for the name of one principal.
	BindPrincipal(name string) (bound string, ok bool)
	ShowPrincipal(bound string) string
}

// Options are what the service works with.
type Options struct {
	Keys  *keyring.Keyring
	Path  *service.Path
	Clock *clock.Clock
	// Principals, if set, is asked about the principals of new key policies.
	Principals Principals
}

// Service answers operations. It is safe for concurrent use. Its fields are the endpoints that other services
// call on a caller's behalf, by the same path as everybody else (P10).
type Service struct {
	DescribeKey     *service.Endpoint[kmsapi.DescribeKeyRequest, kmsapi.DescribeKeyResponse]
	CreateGrant     *service.Endpoint[kmsapi.CreateGrantRequest, kmsapi.CreateGrantResponse]
	RetireGrant     *service.Endpoint[kmsapi.RetireGrantRequest, kmsapi.RetireGrantOutput]
	Encrypt         *service.Endpoint[kmsapi.EncryptRequest, kmsapi.EncryptResponse]
	Decrypt         *service.Endpoint[kmsapi.DecryptRequest, kmsapi.DecryptResponse]
	ReEncrypt       *service.Endpoint[kmsapi.ReEncryptRequest, kmsapi.ReEncryptResponse]
	GenerateDataKey *service.Endpoint[kmsapi.GenerateDataKeyRequest, kmsapi.GenerateDataKeyResponse]

	keys       *keyring.Keyring
	path       *service.Path
	clock      *clock.Clock
	principals Principals
	table      *service.Table
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{keys: o.Keys, path: o.Path, clock: o.Clock, principals: o.Principals}
	bound := s.bindUse()
	bound = append(bound, s.bindSigning()...)
	bound = append(bound, s.bindMAC()...)
	bound = append(bound, s.bindPairs()...)
	bound = append(bound, s.bindImport()...)
	bound = append(bound, s.bindReplicas()...)
	bound = append(bound, s.bindManagement()...)
	bound = append(bound, s.bindAliases()...)
	bound = append(bound, s.bindRotation()...)
	bound = append(bound, s.bindGrants()...)
	bound = append(bound, unsupportedOperations()...)
	s.table = service.NewTable("kms", o.Path, bound...)
	return s
}

// Table is the service's operation table.
func (s *Service) Table() *service.Table { return s.table }
