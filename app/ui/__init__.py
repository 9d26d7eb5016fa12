"""What is seen in a browser. gradio is imported here, before any part of the page asks for it."""
from app.ui.importing import SELDOM, later, unproxied, without_stubs

with unproxied(), without_stubs(), later(*SELDOM):
    import gradio as gradio
