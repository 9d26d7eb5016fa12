"""A Hub on localhost, with faults: `with HubServer() as hub: hub.add("owner/name", {...})`, then ask `hub.endpoint`."""
from tests.hub.repository import Repository as Repository
from tests.hub.server import Fault as Fault
from tests.hub.server import HubServer as HubServer
