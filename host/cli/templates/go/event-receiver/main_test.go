package main

import (
	"testing"

	"colchis/sdk/eventreceiver"
)

func TestADeliveryIsAnEventOfItsID(t *testing.T) {
	for _, one := range []struct {
		body   string
		status int
		events int
	}{
		{`{"id": "7", "total": 3}`, 200, 1},
		{`no json`, 400, 0},
		{`{"total": 3}`, 422, 0},
	} {
		request := &eventreceiver.Incoming{Method: "POST", Body: []byte(one.body)}
		taken, err := deliveries{}.OnRequest(`{"path": "/orders"}`, "orders", request)
		if err != nil || taken.Status != one.status || len(taken.Events) != one.events {
			t.Errorf("%s: %v %v", one.body, taken, err)
		}
	}
}
