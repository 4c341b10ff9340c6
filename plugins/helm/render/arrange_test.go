package render

import (
	"bytes"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/releaseutil"
)

// pieces are documents as templates give them, and as they should not.
var pieces = []string{
	"", "\n", "# nothing\n", "null\n", "{}\n", "text\n", "- a\n", "a: [\n", "---\n", "...\n", "--- # said\na: 1\n",
	"apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
	"kind: Namespace\nmetadata: {name: b}\n",
	"kind: Deployment\nmetadata: {name: c, annotations: {}}\n",
	"kind: Zebra\nmetadata: {name: d}\n",
	"kind: Ant\nmetadata: {name: 7, annotations: {n: 1, b: true, none: null}}\n",
	"kind: 12\n",
	"metadata: {annotations: [a]}\n",
	"kind: ConfigMap\ndata:\n  a: |\n    --- inside\n    b\n",
	"kind: ConfigMap\ndata:\n  end: |\n    kept\n\n",
	"kind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n",
	"kind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: 'test, post-upgrade', helm.sh/hook-weight: 3}}\n",
	"kind: Pod\nmetadata: {name: u, annotations: {helm.sh/hook: never}}\n",
	"kind: Secret\nmetadata:\n  annotations:\n    helm.sh/hook: |\n      post-install\n",
	"kind: List\nitems:\n- kind: Role\n  metadata: {name: r}\n",
}

// What comes out is what Helm's own sorting gives, of whatever files.
func TestSortingIsHelms(t *testing.T) {
	var said bytes.Buffer
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	for seed := range int64(5000) {
		random := rand.New(rand.NewSource(seed))
		files := map[string]string{}
		for range random.Intn(5) {
			var file strings.Builder
			for i := range random.Intn(4) {
				if i > 0 {
					file.WriteString([]string{"---\n", "\n  \n---\n", "--- \n", "...\n"}[random.Intn(4)])
				}
				file.WriteString(pieces[random.Intn(len(pieces))])
			}
			name := fmt.Sprintf("shop/templates/%s%d.yaml", []string{"", "_", "sub/"}[random.Intn(3)], random.Intn(20))
			files[name] = file.String()
		}
		said.Reset()
		hooks, manifests, wantErr := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
		wantSaid := said.String()
		said.Reset()
		all, err := sortManifests(files)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || said.String() != wantSaid {
			t.Fatalf("seed %d: %v and %q, want %v and %q; of %q", seed, err, said.String(), wantErr, wantSaid, files)
		}
		if err != nil {
			continue
		}
		var got, want []string
		for _, one := range all.manifests {
			got = append(got, one.file, one.text)
		}
		for _, one := range all.hooks {
			got = append(got, one.file, one.text, fmt.Sprint(one.test))
		}
		for _, one := range manifests {
			want = append(want, one.Name, one.Content)
		}
		for _, one := range hooks {
			want = append(want, one.Path, one.Manifest, fmt.Sprint(isTest(one)))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("seed %d: got %q, want %q; of %q", seed, got, want, files)
		}
	}
}
