package render

import (
	"bytes"
	"fmt"
	"log"
	"path"
	"strings"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// Helm is the renderer.
type Helm struct{}

// notesSuffix ends the path of a chart's notes.
const notesSuffix = "NOTES.txt"

// Info says what the plugin is.
func (Helm) Info() sdk.Info {
	return sdk.Info{
		Name:    "helm",
		Version: "1.0.0",
		Summary: "Renders Helm charts with the Helm 3 engine.",
		Schema:  schema,
		Needs: []sdk.Need{{
			What: sdk.Lookup(), Optional: true,
			Why: "charts that call `lookup` read objects of the destination; without it they find nothing",
		}},
	}
}

// Check looks at a configuration.
func (Helm) Check(text string) []sdk.Finding {
	config, err := parse(text)
	if err != nil {
		own := sdk.AsError(err)
		return []sdk.Finding{{Field: own.Field, Message: own.Message}}
	}
	return config.check()
}

// Detect says whether a folder has a chart.
func (Helm) Detect(files sdk.Tree, folder string) (bool, error) { return isChart(files, folder) }

// Requirements names dependencies that are not in the chart's `charts/`, and value files behind URLs.
func (Helm) Requirements(request *renderer.Request) ([]renderer.Requirement, error) {
	config, err := parse(request.Config)
	if err != nil {
		return nil, err
	}
	made, err := load(request.Files, request.Path)
	if err != nil {
		return nil, err
	}
	if err := checkLock(made); err != nil {
		return nil, err
	}
	var named []renderer.Requirement
	for _, wanted := range missing(made) {
		asked, err := requirement(wanted)
		if err != nil {
			return nil, err
		}
		if asked != nil && request.Fetched[asked.Name] == nil {
			named = append(named, *asked)
		}
	}
	for _, written := range config.ValueFiles {
		url := expand(written, request.Release.Environment)
		if isURL(url) && request.Fetched[urlName(url)] == nil {
			named = append(named, renderer.Requirement{Name: urlName(url), URL: url})
		}
	}
	return named, nil
}

// Render makes the manifests: definitions of custom resources first, then the rest in Helm's order of installation, then hooks.
func (Helm) Render(request *renderer.Request) (*renderer.Rendered, error) {
	documents, notes, warnings, err := run(request)
	if err != nil {
		return nil, err
	}
	made := &renderer.Rendered{Notes: notes, Warnings: warnings}
	for _, document := range documents {
		objects, err := document.objects()
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			made.Manifests = append(made.Manifests, renderer.Manifest{Object: object, File: document.file})
		}
	}
	return made, nil
}

func run(request *renderer.Request) (documents []document, notes string, warnings []string, err error) {
	config, err := parse(request.Config)
	if err != nil {
		return nil, "", nil, err
	}
	for _, finding := range config.check() {
		if !finding.Warning {
			return nil, "", nil, sdk.Invalid(finding.Field, "%s", finding.Message)
		}
		warnings = append(warnings, finding.Field+": "+finding.Message)
	}
	// The engine tells what it overrides through Go's own log.
	var said bytes.Buffer
	before, flags := log.Writer(), log.Flags()
	log.SetOutput(&said)
	log.SetFlags(0)
	defer func() { log.SetOutput(before); log.SetFlags(flags) }()

	made, err := load(request.Files, request.Path)
	if err != nil {
		return nil, "", nil, err
	}
	if err := complete(made, request); err != nil {
		return nil, "", nil, err
	}
	if made.Metadata.Deprecated {
		warnings = append(warnings, fmt.Sprintf("the chart `%s` is deprecated, as its author says", made.Name()))
	}
	files, err := config.engine(made, request)
	if err != nil {
		return nil, "", nil, err
	}
	notes = takeNotes(made, files)
	documents, err = config.arrange(made, files)
	for _, line := range strings.Split(strings.TrimSpace(said.String()), "\n") {
		if line != "" {
			warnings = append(warnings, line)
		}
	}
	return documents, notes, warnings, err
}

// engine renders all templates: paths and texts.
func (c *Config) engine(made *chart.Chart, request *renderer.Request) (map[string]string, error) {
	if made.Metadata.Type != "" && made.Metadata.Type != "application" {
		return nil, sdk.Failed("bad-chart", "the chart `%s` is of type %s; only application charts are rendered", made.Name(), made.Metadata.Type)
	}
	values, err := c.values(request)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(made, values); err != nil {
		return nil, sdk.Failed("bad-dependencies", "the dependencies of `%s` cannot be worked out: %v", made.Name(), err)
	}
	capabilities, err := c.capabilities(request)
	if err != nil {
		return nil, err
	}
	wanted, has := made.Metadata.KubeVersion, capabilities.KubeVersion.String()
	if wanted != "" && !chartutil.IsCompatibleRange(wanted, has) {
		return nil, sdk.Failed("incompatible", "the chart `%s` is for Kubernetes %s, and the destination has %s", made.Name(), wanted, has)
	}
	options := chartutil.ReleaseOptions{
		Name:      first(c.ReleaseName, request.Release.Name),
		Namespace: first(c.Namespace, request.Release.Namespace),
		Revision:  1,
		IsInstall: true,
	}
	all, err := chartutil.ToRenderValuesWithSchemaValidation(made, values, options, capabilities, c.SkipSchemaValidation)
	if err != nil {
		return nil, sdk.Invalid("", "the values are not as the chart wants them: %v", err)
	}
	files, err := engine.RenderWithClientProvider(made, all, client{request.Lookup})
	if err != nil {
		return nil, sdk.Failed("template-failed", "%v", err)
	}
	return files, nil
}

func (c *Config) capabilities(request *renderer.Request) (*chartutil.Capabilities, error) {
	capabilities := chartutil.DefaultCapabilities.Copy()
	if written := first(c.KubeVersion, request.Release.KubeVersion); written != "" {
		version, err := chartutil.ParseKubeVersion(written)
		if err != nil {
			return nil, sdk.Invalid("kubeVersion", "a version is expected, as 1.34.0: %v", err)
		}
		capabilities.KubeVersion = *version
	}
	further := request.Release.APIVersions
	if len(c.APIVersions) > 0 {
		further = c.APIVersions
	}
	known := capabilities.APIVersions
	capabilities.APIVersions = append(known[:len(known):len(known)], further...)
	return capabilities, nil
}

// takeNotes takes the notes of the chart and of its dependencies out of the rendered files, and gives those of the chart.
func takeNotes(made *chart.Chart, files map[string]string) string {
	notes := files[path.Join(made.Name(), "templates", notesSuffix)]
	for name := range files {
		if strings.HasSuffix(name, notesSuffix) {
			delete(files, name)
		}
	}
	return notes
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
