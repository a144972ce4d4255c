package kubeconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// A file is what kubeconfig files have.
type file struct {
	current  string
	contexts map[string]entry
	clusters map[string]cluster
	users    map[string]user
}

// An entry is a context.
type entry struct {
	Cluster string `yaml:"cluster"`
	User    string `yaml:"user"`
}

type cluster struct {
	Server        string `yaml:"server"`
	CAFile        string `yaml:"certificate-authority"`
	CAData        base64 `yaml:"certificate-authority-data"`
	Insecure      bool   `yaml:"insecure-skip-tls-verify"`
	TLSServerName string `yaml:"tls-server-name"`
	ProxyURL      string `yaml:"proxy-url"`
}

type user struct {
	Token        string         `yaml:"token"`
	TokenFile    string         `yaml:"tokenFile"`
	CertFile     string         `yaml:"client-certificate"`
	CertData     base64         `yaml:"client-certificate-data"`
	KeyFile      string         `yaml:"client-key"`
	KeyData      base64         `yaml:"client-key-data"`
	Username     string         `yaml:"username"`
	Password     string         `yaml:"password"`
	As           string         `yaml:"as"`
	AsGroups     []string       `yaml:"as-groups"`
	Exec         *execCommand   `yaml:"exec"`
	AuthProvider map[string]any `yaml:"auth-provider"`
}

// empty reports whether there are no credentials.
func (u user) empty() bool {
	return u.Token == "" && u.TokenFile == "" && u.CertFile == "" && len(u.CertData) == 0 && u.Username == "" && u.Exec == nil
}

// An execCommand is a command that prints credentials.
type execCommand struct {
	APIVersion         string        `yaml:"apiVersion"`
	Command            string        `yaml:"command"`
	Args               []string      `yaml:"args"`
	Env                []envVariable `yaml:"env"`
	InstallHint        string        `yaml:"installHint"`
	InteractiveMode    string        `yaml:"interactiveMode"`
	ProvideClusterInfo bool          `yaml:"provideClusterInfo"`
}

type envVariable struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

// base64 is bytes that YAML has as base64.
type base64 []byte

// load reads the files. Of entries with one name the first counts.
func (c Config) load() (file, error) {
	all := file{contexts: map[string]entry{}, clusters: map[string]cluster{}, users: map[string]user{}}
	for _, path := range c.Paths {
		full, err := expand(path)
		if err != nil {
			return all, err
		}
		content, err := os.ReadFile(full)
		if errors.Is(err, fs.ErrNotExist) {
			return all, &MissingFileError{path}
		}
		if err != nil {
			return all, err
		}
		if err := all.add(content, filepath.Dir(full)); err != nil {
			return all, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// yamlLine is the part of an error of YAML that has no content of the file.
var yamlLine = regexp.MustCompile(`line \d+`)

// add adds what a file in a folder has, to which its paths are relative.
func (f *file) add(content []byte, folder string) error {
	var read struct {
		Current  string `yaml:"current-context"`
		Contexts []struct {
			Name    string `yaml:"name"`
			Context entry  `yaml:"context"`
		} `yaml:"contexts"`
		Clusters []struct {
			Name    string  `yaml:"name"`
			Cluster cluster `yaml:"cluster"`
		} `yaml:"clusters"`
		Users []struct {
			Name string `yaml:"name"`
			User user   `yaml:"user"`
		} `yaml:"users"`
	}
	if err := yaml.Unmarshal(content, &read); err != nil { // not quoted: it may hold a credential
		where := yamlLine.FindString(err.Error())
		if where == "" {
			where = "its content"
		}
		return fmt.Errorf("the file is not a kubeconfig: %s is not valid", where)
	}
	if f.current == "" {
		f.current = read.Current
	}
	for _, c := range read.Contexts {
		addNew(f.contexts, c.Name, c.Context)
	}
	for _, c := range read.Clusters {
		relative(folder, &c.Cluster.CAFile)
		addNew(f.clusters, c.Name, c.Cluster)
	}
	for _, u := range read.Users {
		relative(folder, &u.User.TokenFile, &u.User.CertFile, &u.User.KeyFile)
		if u.User.Exec != nil && filepath.Base(u.User.Exec.Command) != u.User.Exec.Command {
			relative(folder, &u.User.Exec.Command)
		}
		addNew(f.users, u.Name, u.User)
	}
	return nil
}

func addNew[T any](to map[string]T, name string, value T) {
	if _, there := to[name]; !there {
		to[name] = value
	}
}

// relative makes paths ones in a folder, unless they are absolute.
func relative(folder string, paths ...*string) {
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
}
