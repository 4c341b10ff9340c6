package secrets

import (
	"encoding/json"
	"testing"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

func TestWhatWasSentIsComparedWithoutTheValue(t *testing.T) {
	sdktest.Begin(t)
	sdktest.SetSecret("token", "s3cret")
	var config struct {
		Token sdk.SecretRef `json:"token"`
	}
	if err := sdk.Decode(`{"token": "stand-in-for-token"}`, &config); err != nil {
		t.Fatal(err)
	}
	for sent, same := range map[string]bool{"s3cret": true, "s3cret ": false, "": false, "stand-in-for-token": false} {
		if is, err := Is(config.Token, "token", []byte(sent)); err != nil || is != same {
			t.Error(sent, is, err)
		}
	}
}

func TestAReferenceThatWasNotResolvedIsDeniedAtItsField(t *testing.T) {
	var config struct {
		Token sdk.SecretRef `json:"token"`
	}
	if err := sdk.Decode(`{"token": {"name": "a", "key": "b"}}`, &config); err != nil {
		t.Fatal(err)
	}
	if _, err := Is(config.Token, "token", nil); sdk.AsError(err).Class != sdk.Denied || sdk.AsError(err).Field != "token" {
		t.Error(err)
	}
	if _, err := StandIn("token"); sdk.AsError(err).Class != sdk.Denied {
		t.Error(err)
	}
	if !json.Valid([]byte(sdk.SecretRefSchema)) {
		t.Error(sdk.SecretRefSchema)
	}
}
