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
			id: func(in *kmsapi.EnableKeyRotationRequest) **string { return &in.KeyId },
			describe: func(in *kmsapi.EnableKeyRotationRequest, c *conditions, needs *auth.Needs) {
				c.setNumber("kms:rotationperiodindays", in.RotationPeriodInDays)
				if in.RotationPeriodInDays != nil {
					needs.Note("rotationPeriodInDays", *in.RotationPeriodInDays)
				}
			},
		}, s.enableRotation),
		onKey(s, kmsapi.DisableKeyRotation(), keyRule[kmsapi.DisableKeyRotationRequest]{
			id: func(in *kmsapi.DisableKeyRotationRequest) **string { return &in.KeyId },
		}, s.disableRotation),
		onKey(s, kmsapi.GetKeyRotationStatus(), keyRule[kmsapi.GetKeyRotationStatusRequest]{
			id: func(in *kmsapi.GetKeyRotationStatusRequest) **string { return &in.KeyId }, abroad: true,
		}, rotationStatus),
		onKey(s, kmsapi.RotateKeyOnDemand(), keyRule[kmsapi.RotateKeyOnDemandRequest]{
			id: func(in *kmsapi.RotateKeyOnDemandRequest) **string { return &in.KeyId },
		}, s.rotateOnDemand),
		onKey(s, kmsapi.ListKeyRotations(), keyRule[kmsapi.ListKeyRotationsRequest]{
			id: func(in *kmsapi.ListKeyRotationsRequest) **string { return &in.KeyId },
		}, listRotations),
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

// listRotations lists the rotations of a key, or all of its material where the request asks for that: the first material is not
// the fruit of a rotation, and has neither date nor type. A marker holds how many entries went before.
func listRotations(
	_ context.Context, _ *auth.Caller, key *keyring.Key, in *kmsapi.ListKeyRotationsRequest,
) (*kmsapi.ListKeyRotationsResponse, error) {
	after, limit, err := pageOf(in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	m := key.Metadata()
	if m.Spec != keyring.Symmetric {
		return nil, &api.Error{Code: Exception(keyring.Unsupported)}
	}
	first := 1
	if text(in.IncludeKeyMaterial) == "ALL_KEY_MATERIAL" {
		first = 0
	}
	if in.Marker != nil {
		if first, err = strconv.Atoi(after); err != nil || first < 0 || first > len(m.Versions) {
			return nil, &api.Error{Code: "InvalidMarkerException", Message: "The marker is invalid."}
		}
	}
	end := min(len(m.Versions), first+limit)
	out := &kmsapi.ListKeyRotationsResponse{Rotations: []kmsapi.RotationsListEntry{}, Truncated: new(end < len(m.Versions))}
	for i := first; i < end; i++ {
		out.Rotations = append(out.Rotations, rotationEntry(m, i))
	}
	out.NextMarker = marker(strconv.Itoa(end), end < len(m.Versions))
	return out, nil
}

func rotationEntry(m *keyring.Metadata, i int) kmsapi.RotationsListEntry {
	v := m.Versions[i]
	state := "NON_CURRENT"
	if i == len(m.Versions)-1 {
		state = "CURRENT"
	}
	entry := kmsapi.RotationsListEntry{KeyId: new(m.ARN()), KeyMaterialId: new(v.MaterialID), KeyMaterialState: new(state)}
	if m.Origin == keyring.OriginExternal {
		entry.ImportState = new("PENDING_IMPORT")
	}
	if m.Import != nil {
		entry.ImportState = new("IMPORTED")
		entry.ExpirationModel, entry.ValidTo = terms(m.Import)
		if m.Import.Description != "" {
			entry.KeyMaterialDescription = new(m.Import.Description)
		}
	}
	if v.Type != "" {
		entry.RotationDate, entry.RotationType = new(v.Created), new(string(v.Type))
	}
	return entry
}
