// Submits a workflow, waits for its end, prints its logs and outcome.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	v1 "example.com/colchis-client/colchisv1"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: client MANIFEST.json")
		os.Exit(64)
	}
	succeeded, err := run(context.Background(), os.Args[1])
	if err != nil {
		explain(err)
		os.Exit(1)
	}
	if !succeeded {
		os.Exit(2)
	}
}

func run(ctx context.Context, path string) (bool, error) {
	manifest, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	connection, err := connect()
	if err != nil {
		return false, err
	}
	defer connection.Close()
	workflows := v1.NewWorkflowsClient(connection)
	submitted, err := submit(ctx, workflows, manifest)
	if err != nil {
		return false, err
	}
	fmt.Printf("submitted %s/%s\n", submitted.Namespace, submitted.Name)
	row, err := wait(ctx, workflows, submitted)
	if err != nil {
		return false, err
	}
	if err := printLogs(ctx, v1.NewLogsClient(connection), submitted); err != nil {
		return false, err
	}
	phase := strings.ToLower(strings.TrimPrefix(row.Phase.String(), "WORKFLOW_PHASE_"))
	phase = strings.ToUpper(phase[:1]) + phase[1:]
	fmt.Println(strings.TrimSpace(fmt.Sprintf("%s %s %s %s", row.Name, phase, row.Progress, row.Message)))
	return row.Phase == v1.WorkflowPhase_WORKFLOW_PHASE_SUCCEEDED, nil
}

// bearer sends the token with every call.
type bearer struct {
	token string
	tls   bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.tls }

// connect is plain on loopback and TLS elsewhere.
func connect() (*grpc.ClientConn, error) {
	address := os.Getenv("COLCHIS_ADDRESS")
	if address == "" {
		address = "127.0.0.1:2746"
	}
	token := os.Getenv("COLCHIS_TOKEN")
	if token == "" {
		return nil, errors.New("COLCHIS_TOKEN is not set: the server says at its start where its token is kept")
	}
	host, tls := strings.CutPrefix(address, "https://")
	host = strings.TrimPrefix(host, "http://")
	transport := insecure.NewCredentials()
	if tls {
		transport = credentials.NewTLS(nil)
	}
	return grpc.NewClient(host, grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(bearer{token, tls}))
}

func submit(ctx context.Context, workflows v1.WorkflowsClient, manifest []byte) (*v1.SubmitResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request := &v1.SubmitRequest{Source: &v1.SubmitRequest_Manifest{Manifest: manifest}}
	submitted, err := workflows.Submit(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, warning := range submitted.Warnings {
		fmt.Fprintf(os.Stderr, "warning: %s: %s\n", warning.Path, warning.Message)
	}
	return submitted, nil
}

// wait gives the run's row at its end; the server answers from time to time that it still goes on.
func wait(ctx context.Context, workflows v1.WorkflowsClient, run *v1.SubmitResponse) (*v1.WorkflowSummary, error) {
	for {
		answer, err := workflows.Wait(ctx, &v1.WaitRequest{Namespace: run.Namespace, Name: run.Name})
		if err != nil {
			return nil, err
		}
		if answer.Ended {
			return answer.Workflow, nil
		}
	}
}

func printLogs(ctx context.Context, logs v1.LogsClient, run *v1.SubmitResponse) error {
	stream, err := logs.Stream(ctx, &v1.StreamLogsRequest{Namespace: run.Namespace, Name: run.Name})
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, line := range message.Entries {
			fmt.Printf("%s: %s\n", line.NodeName, line.Text)
		}
	}
}

// explain prints what the server says of an error: code, message, fields, hints.
func explain(err error) {
	code, text := status.Code(err).String(), err.Error()
	var detail *v1.ErrorDetail
	for _, each := range status.Convert(err).Details() {
		if found, ok := each.(*v1.ErrorDetail); ok {
			detail, code, text = found, found.Code, found.Message
		}
	}
	fmt.Fprintf(os.Stderr, "error: %s [%s]\n", text, code)
	for _, violation := range detail.GetViolations() {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", violation.Path, violation.Message)
	}
	for _, hint := range detail.GetHints() {
		fmt.Fprintf(os.Stderr, "hint: %s\n", hint)
	}
}
