//colchis:world workflow-step

// Command copy-go is a step that copies an artifact, and remembers in a large value how much the last copy had.
package main

import (
	"errors"
	"fmt"
	"io"

	"colchis/sdk"
	"colchis/sdk/blob"
	"colchis/sdk/step"
)

const (
	pieceBytes = 64 << 10
	lastCopy   = "last"
)

const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["source", "target"],
	"properties": {
		"source": {"type": "string", "description": "the input artifact"},
		"target": {"type": "string", "description": "the output artifact"}
	}
}`

type config struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

type copying struct{}

func init() { step.Register(copying{}) }

func main() {}

func (copying) Info() sdk.Info {
	return sdk.Info{
		Name: "copy-go", Version: "1.0.0", Summary: "Copies an artifact, as a step of a workflow", Schema: schema,
		Needs: []sdk.Need{{What: sdk.Blobs(), Why: "remembers how much was copied"}},
	}
}

func (copying) Check(text string) []sdk.Finding { return sdk.Findings(sdk.Decode(text, &config{})) }

func (copying) Start(request *step.Request) (*step.Progress, error) {
	var asked config
	if err := sdk.Decode(request.Config, &asked); err != nil {
		return nil, err
	}
	size, err := copied(asked)
	if err != nil {
		return nil, err
	}
	before, err := last()
	if err != nil {
		return nil, err
	}
	if err := remember(size); err != nil {
		return nil, err
	}
	step.Output(size + " bytes\n")
	return &step.Progress{Phase: step.Succeeded, Result: size, Parameters: map[string]string{"before": before}}, nil
}

func copied(asked config) (string, error) {
	source, err := step.OpenArtifact(asked.Source)
	if err != nil {
		return "", err
	}
	defer source.Close()
	target, err := step.CreateArtifact(asked.Target)
	if err != nil {
		return "", err
	}
	defer target.Close()
	paths, err := source.Paths()
	if err != nil {
		return "", err
	}
	size := 0
	piece := make([]byte, pieceBytes)
	for _, path := range paths {
		file := source.File(path)
		for {
			count, err := file.Read(piece)
			if err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			// What is empty is written once, so that it is there.
			if err := target.Write(path, piece[:count]); err != nil {
				return "", err
			}
			if size += count; count == 0 {
				break
			}
		}
	}
	return fmt.Sprint(size), target.Finish()
}

// last is what the copy before this one had; nothing before the first.
func last() (string, error) {
	reader, err := blob.Open(lastCopy)
	if sdk.IsMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer reader.Close()
	size, err := io.ReadAll(reader)
	return string(size), err
}

func remember(size string) error {
	writer, err := blob.Create(lastCopy)
	if err != nil {
		return err
	}
	defer writer.Close()
	if _, err := io.WriteString(writer, size); err != nil {
		return err
	}
	_, err = writer.Finish()
	return err
}

// Poll is never needed: a copy is over at once.
func (c copying) Poll(request *step.Request, _ string) (*step.Progress, error) {
	return c.Start(request)
}

// Stop has nothing to end.
func (copying) Stop(*step.Request, string) (*step.Progress, error) {
	return &step.Progress{Phase: step.Failed, Message: "it was stopped"}, nil
}
