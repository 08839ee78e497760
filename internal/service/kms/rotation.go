package kms

import (
	"context"
	"strconv"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/service"
)

func (s *Service) bindRotation() []service.Bound {
	return []service.Bound{
		onKey(s, kmsapi.EnableKeyRotation(), keyRule[kmsapi.EnableKeyRotationRequest]{
			id: func(in *kmsapi.EnableKeyRotationRequest) *string { return in.KeyId },
			describe: func(in *kmsapi.EnableKeyRotationRequest, c *conditions, needs *auth.Needs) {
				c.setNumber("kms:rotationperiodindays", in.RotationPeriodInDays)
				if in.RotationPeriodInDays != nil {
					needs.Note("rotationPeriodInDays", *in.RotationPeriodInDays)
				}
			},
		}, s.enableRotation),
		onKey(s, kmsapi.DisableKeyRotation(), keyRule[kmsapi.DisableKeyRotationRequest]{
			id: func(in *kmsapi.DisableKeyRotationRequest) *string { return in.KeyId },
		}, s.disableRotation),
		onKey(s, kmsapi.GetKeyRotationStatus(), keyRule[kmsapi.GetKeyRotationStatusRequest]{
			id: func(in *kmsapi.GetKeyRotationStatusRequest) *string { return in.KeyId }, abroad: true,
		}, rotationStatus),
		onKey(s, kmsapi.RotateKeyOnDemand(), keyRule[kmsapi.RotateKeyOnDemandRequest]{
			id: func(in *kmsapi.RotateKeyOnDemandRequest) *string { return in.KeyId },
		}, s.rotateOnDemand),
		onKey(s, kmsapi.ListKeyRotations(), keyRule[kmsapi.ListKeyRotationsRequest]{
			id: func(in *kmsapi.ListKeyRotationsRequest) *string { return in.KeyId },
		}, s.listRotations),
	}
}

func (s *Service) enableRotation(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.EnableKeyRotationRequest,
) (*kmsapi.EnableKeyRotationOutput, error) {
	period := keyring.DefaultRotationPeriod
	if in.RotationPeriodInDays != nil {
		period = int(*in.RotationPeriodInDays)
	}
	return &kmsapi.EnableKeyRotationOutput{}, s.keys.EnableRotation(ctx, key, period)
}

func (s *Service) disableRotation(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.DisableKeyRotationRequest,
) (*kmsapi.DisableKeyRotationOutput, error) {
	return &kmsapi.DisableKeyRotationOutput{}, s.keys.DisableRotation(ctx, key)
}

func rotationStatus(
	_ context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.GetKeyRotationStatusRequest,
) (*kmsapi.GetKeyRotationStatusResponse, error) {
	m := key.Metadata()
	if err := m.Permits("GetKeyRotationStatus"); err != nil {
		return nil, err
	}
	r := m.RotationStatus()
	out := &kmsapi.GetKeyRotationStatusResponse{KeyId: new(key.ARN()), KeyRotationEnabled: new(r.Enabled)}
	if r.Enabled {
		out.RotationPeriodInDays, out.NextRotationDate = new(int64(r.Period)), new(r.Next)
	}
	return out, nil
}

func (s *Service) rotateOnDemand(
	ctx context.Context, _ *auth.Caller, key *keyring.Key, _ *kmsapi.RotateKeyOnDemandRequest,
) (*kmsapi.RotateKeyOnDemandResponse, error) {
	return &kmsapi.RotateKeyOnDemandResponse{KeyId: new(key.ARN())}, s.keys.RotateNow(ctx, key)
}

// listRotations lists the rotations of a key, or all of its material where the request asks for that: the
// first material is not the fruit of a rotation, and has neither date nor type, nor has imported material
// that waits. A marker holds how many entries went before.
func (s *Service) listRotations(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ListKeyRotationsRequest,
) (*kmsapi.ListKeyRotationsResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	if key.Metadata().Spec != keyring.Symmetric {
		return nil, &api.Error{Code: Exception(keyring.Unsupported)}
	}
	list, first := s.rotations(key, api.Text(in.IncludeKeyMaterial) == "ALL_KEY_MATERIAL"), 0
	if in.Marker != nil {
		if first, err = strconv.Atoi(after); err != nil || first < 0 || first > len(list) {
			return nil, &api.Error{Code: "InvalidMarkerException", Message: "The marker is invalid."}
		}
	}
	end := min(len(list), first+limit)
	return &kmsapi.ListKeyRotationsResponse{
		Rotations: list[first:end], Truncated: new(end < len(list)),
		NextMarker: marker(strconv.Itoa(end), end < len(list)),
	}, nil
}

func (s *Service) rotations(key *keyring.Key, all bool) []kmsapi.RotationsListEntry {
	m := key.Metadata()
	list := []kmsapi.RotationsListEntry{}
	for i, v := range m.Versions {
		state := "NON_CURRENT"
		if i == len(m.Versions)-1 {
			state = "CURRENT"
		}
		if all || i > 0 {
			list = append(list, rotationEntry(m, v, state))
		}
	}
	if all && m.Pending != nil {
		state := "PENDING_ROTATION"
		if m.Leads() && !s.keys.PendingEverywhere(key) {
			state = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
		}
		list = append(list, rotationEntry(m, *m.Pending, state))
	}
	return list
}

func rotationEntry(m *keyring.Metadata, v keyring.Version, state string) kmsapi.RotationsListEntry {
	entry := kmsapi.RotationsListEntry{KeyId: new(m.ARN()), KeyMaterialId: new(v.MaterialID),
		KeyMaterialState: new(state)}
	if v.Description != "" {
		entry.KeyMaterialDescription = new(v.Description)
	}
	if m.Origin == keyring.OriginExternal {
		entry.ImportState = new("PENDING_IMPORT")
	}
	if v.Import != nil {
		entry.ImportState = new("IMPORTED")
		entry.ExpirationModel, entry.ValidTo = terms(v.Import)
	}
	if v.Type != "" {
		entry.RotationDate, entry.RotationType = new(v.Created), new(string(v.Type))
	}
	return entry
}
