package blob

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

func TestAValueIsThereWhenItIsFinished(t *testing.T) {
	sdktest.Begin(t)
	lost, err := Create("b")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(lost, "lost")
	lost.Close()
	if _, err := Open("b"); !sdk.IsMissing(err) {
		t.Error(err)
	}
	writer, err := Create("b")
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	fmt.Fprint(writer, "01234")
	fmt.Fprint(writer, "56789")
	if _, err := writer.Finish(); err != nil {
		t.Fatal(err)
	}
	reader, err := Open("b")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	into := make([]byte, 5)
	if count, err := reader.ReadAt(into, 8); count != 2 || !errors.Is(err, io.EOF) || string(into[:2]) != "89" {
		t.Error(count, err, into)
	}
	if all, err := io.ReadAll(reader); err != nil || string(all) != "0123456789" || reader.Size() != 10 {
		t.Errorf("%s %v", all, err)
	}
	if err := errors.Join(Delete("b"), Delete("b")); err != nil {
		t.Error(err)
	}
}
