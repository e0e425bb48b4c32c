"""What the settings say of publishing, as the registry wants to be told."""

from pathlib import Path

from couchreg.app.mirroring import mirror_of
from couchreg.config import Settings
from couchreg.docstore.maintenance.sweeper import INTERVAL
from couchreg.registry.checking.checker import CheckLimits
from couchreg.registry.publishing.intake import PublishLimits
from couchreg.registry.publishing.publish import Validation
from couchreg.registry.publishing.sessions import SessionLimits
from couchreg.registry.reading.counts import Downloads
from couchreg.registry.registry import RegistryOptions


def registry_options(settings: Settings, *, downloads: Path, shelf: Path) -> RegistryOptions:
    """`downloads` is the file of counts, `shelf` the folder of publishes that outlive their requests."""
    return RegistryOptions(
        validation=Validation(settings.validation),
        checks=CheckLimits(
            cpu_seconds=settings.validation_timeout,
            memory=settings.validation_memory << 20,
            cpu_setting="validation-timeout",
            memory_setting="validation-memory",
        ),
        publishing=PublishLimits(
            total=settings.max_package_size << 20,
            files=settings.max_package_files,
            descriptor=settings.max_descriptor_size << 20,
        ),
        sessions=SessionLimits(
            space=settings.publish_space << 20,
            left_for=settings.sweep_grace + INTERVAL,
            setting="publish-space",
        ),
        downloads=Downloads(downloads),
        shelf=shelf,
        mirror_of=mirror_of(settings),
        undelete_days=settings.undelete_days,
        account_space=settings.account_space << 20,
    )
