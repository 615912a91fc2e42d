"""Makes Markdown of a document's file, whatever kind of document it is."""

from __future__ import annotations

import io
from importlib import util

_PDF_TIME_S = 300.0
_PDF_PAGES = 1000


class DocumentFormatError(Exception):
    """A file cannot be read as a document; the text is for its author."""


class DocumentReaderMissingError(Exception):
    """What reads this kind of document is not installed here, or lacks its models; the text is for an operator."""


def markdown_of(path: str, content: bytes) -> str:
    """Return the text of a file as Markdown.

    Raises DocumentFormatError for a file that nobody can read, DocumentReaderMissingError for one that we cannot.
    """
    name = path.lower()
    if name.endswith(".md"):
        return _decoded(path, content)
    if name.endswith(".pdf"):
        return _from_pdf(path, content)
    raise DocumentFormatError(f"{path} is neither Markdown (.md) nor PDF (.pdf); nothing else can be read.")


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentFormatError(
            f"{path} is not written in UTF-8 (byte {error.start}). Save it as UTF-8 and name the new commit."
        ) from None


def _from_pdf(path: str, content: bytes) -> str:
    """Read a PDF by its text and layout; pictures of text are not read, and nothing is fetched for it."""
    if util.find_spec("docling") is None:
        raise DocumentReaderMissingError(
            f"{path} is a PDF, and PDF cannot be read here: install the extra that does, "
            'pip install "taxonomy-bot[pdf]", or convert the document to Markdown.'
        )
    from docling.datamodel.base_models import ConversionStatus, DocumentStream, InputFormat
    from docling.datamodel.pipeline_options import PdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = PdfPipelineOptions(do_ocr=False, document_timeout=_PDF_TIME_S)
    converter = DocumentConverter(
        allowed_formats=[InputFormat.PDF],
        format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)},
    )
    try:
        converter.initialize_pipeline(InputFormat.PDF)
    except Exception as error:  # its models come from many libraries, each with errors of its own
        raise DocumentReaderMissingError(
            f"{path} is a PDF, and the models that read PDF cannot be loaded here: {type(error).__name__}. "
            "Download them once (docling-tools models download) and name their folder in DOCLING_ARTIFACTS_PATH."
        ) from error
    source = DocumentStream(name="document.pdf", stream=io.BytesIO(content))
    result = converter.convert(source, raises_on_error=False, max_num_pages=_PDF_PAGES)
    if result.status is not ConversionStatus.SUCCESS:
        raise DocumentFormatError(f"{path} cannot be read as a PDF to its end. Convert it to Markdown.")
    text = str(result.document.export_to_markdown()).encode("utf-8", "replace").decode("utf-8")
    if not text.strip():
        raise DocumentFormatError(f"{path} holds no text, only pictures. Convert it to Markdown.")
    return text
