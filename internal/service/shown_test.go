package service

import (
	"encoding/json"
	"testing"
)

func TestShownIsCasedAsCloudTrailCases(t *testing.T) {
	got, err := json.Marshal(shown([]byte(`{"TableDescription":{"SSEDescription":{"KMSMasterKeyArn":"Arn"},"Tags":[{"Key":"K"}],"Éa":1}}`)))
	want := `[{"Name":"tableDescription","Value":{"sSEDescription":{"kMSMasterKeyArn":"Arn"},"tags":[{"key":"K"}],"éa":1}}]`
	if string(got) != want || err != nil {
		t.Errorf("%s (%v)", got, err)
	}
	if shown(nil) != nil {
		t.Error("an operation without output shows something")
	}
}
