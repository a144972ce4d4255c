package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun starts the command on a free port, finds it by its first line, and ends it.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-version", "2.7.29", "-auth"}, writer)
	}()

	lines := bufio.NewScanner(reader)
	lines.Scan()
	address, ok := strings.CutPrefix(lines.Text(), "listening on ")
	if !ok || strings.HasSuffix(address, ":0") {
		t.Fatalf("first line: %q", lines.Text())
	}
	lines.Scan()
	if !strings.HasPrefix(lines.Text(), "admin token ") {
		t.Errorf("second line: %q", lines.Text())
	}

	response, err := http.Get(address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var index struct{ Version string }
	if err := json.NewDecoder(response.Body).Decode(&index); err != nil {
		t.Fatal(err)
	}
	if index.Version != "2.7.29" {
		t.Errorf("version %q", index.Version)
	}

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// On Kubernetes, the command writes a kubeconfig with which the API server is found.
func TestRun_kubernetes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	file := filepath.Join(t.TempDir(), "config")
	go func() { ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-kubernetes", file}, writer) }()
	lines := bufio.NewScanner(reader)
	var server string
	for server == "" && lines.Scan() {
		server, _ = strings.CutPrefix(lines.Text(), "Kubernetes API on ")
		if !strings.HasPrefix(server, "https://") {
			server = ""
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	content, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(content), "server: "+server+"\n") {
		t.Errorf("%s, %v", content, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestRunUnknownVersion(t *testing.T) {
	err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-version", "1.0"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"1.0"`) {
		t.Errorf("got %v", err)
	}
}
