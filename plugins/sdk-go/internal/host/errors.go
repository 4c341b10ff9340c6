package host

import "colchis/sdk"

func late(request *Request) error {
	return sdk.NotThere("timeout", "%s did not answer in time", request.Authority)
}

func tooLong(request *Request) error {
	return sdk.Failed("body-too-large", "the answer of %s is longer than %d bytes", request.Authority, request.BodyBytesMax)
}
