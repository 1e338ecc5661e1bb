package operator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/scim"
)

// SCIMOptions say how directories send people.
type SCIMOptions struct {
	// Address is where SCIM is served; without it nothing is.
	Address string
	// TLSDirectory holds tls.crt and tls.key of a certificate of SCIM's own, since directories know it by another
	// name than applications know AuthZEN by. Changed files need no restart.
	TLSDirectory string
	// KeysFile is the file of those who act as an organization's ServiceAccount bailiwick-scim. Default: a
	// ServiceAccount's token is needed.
	KeysFile string
}

// addSCIM serves SCIM. Every replica answers: nothing is kept between requests.
func (o *Operator) addSCIM(cluster *rest.Config, options Options) error {
	log := options.Log.WithName("scim")
	config, err := o.certificate(options.SCIM.TLSDirectory, installation.PartSCIMTLS)
	if err != nil {
		return err
	}
	if err := encrypted(options.SCIM.Address, config); err != nil {
		return err
	}
	credentials := &scim.Credentials{Cluster: cluster, Scheme: o.manager.GetScheme(), Mapper: o.manager.GetRESTMapper()}
	if options.SCIM.KeysFile != "" {
		credentials.Keys = apikeys.Open(options.SCIM.KeysFile, log)
		o.files[installation.PartSCIMKeys] = credentials.Keys.Check
	}
	listener, err := net.Listen("tcp", options.SCIM.Address)
	if err != nil {
		return fmt.Errorf("serving SCIM: %w", err)
	}
	o.scimURL = "http://" + listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
		o.scimURL = "https://" + listener.Addr().String()
	}
	server := httpServer(scim.New(scim.Options{Connect: credentials.Connect, Log: log}), scim.Timeout+requestTimeout, log)
	err = o.manager.Add(&manager.Server{
		Name: "SCIM", Server: server, Listener: listener, ShutdownTimeout: &options.ShutdownTimeout,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("adding SCIM: %w", err), listener.Close())
	}
	return nil
}

// SCIMURL is where directories send people; empty if SCIM is not served.
func (o *Operator) SCIMURL() string { return o.scimURL }
