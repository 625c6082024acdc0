"""Content: templates that marketers write, rendered in a sandbox that neither they nor a customer's name can leave.

Reads:  the definition that is frozen in a plan, and the variables that the caller gives.
Writes: nothing.
Never:  opens a file or the database; lets a customer's text be anything but text.
"""

from marketflow.campaigns.content.formats import fallbacks
from marketflow.campaigns.content.lint import Finding, lint, stand_ins
from marketflow.campaigns.content.renderer import RenderedMessage, Renderer
from marketflow.campaigns.content.sandbox import TemplateRefused

__all__ = ["Finding", "RenderedMessage", "Renderer", "TemplateRefused", "fallbacks", "lint", "stand_ins"]
